// Bring the gallery and the map of answers to life.
{
  const live = document.querySelector(".live");
  const data = JSON.parse(document.querySelector("script.data").textContent);
  live.hidden = false;
  const gallery = new AnswerGallery(live, data);
  const map = new AnswerMap(live.querySelector(".map"), data);
  gallery.tie(map);
  if (data.queries.length === 1) {
    map.focusOn(0);
    scrollTo(0, 0);
  }
}
