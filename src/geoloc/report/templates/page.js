// Bring the galleries and maps of the page to life. What cannot be drawn here stays hidden; the tables need no script.
for (const section of document.querySelectorAll("section.domain")) {
  const data = JSON.parse(section.querySelector("script.data").textContent);
  const live = section.querySelector(".live");
  live.hidden = false;
  const gallery = new Gallery(live, data);
  if (data.map) gallery.tie(new PlaceMap(live.querySelector(".map"), data));
}
