// A photo in, an answer out: what is dropped, chosen, pasted or clicked, and what the server says of it.
"use strict";
const one = (selector) => document.querySelector(selector);
const [drop, asked, problem, given] = [".drop", ".asked", ".problem", ".given"].map(one);
const most = Number(document.body.dataset.most);
const found = new Found(one("section.found"), one("dialog"));
let chart = null;
let last = null; // the answer that is shown
let turn = 0; // of the questions: an answer that comes late is of no interest

// What the server says, or throws the sentence in which it refuses.
async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Error("the server does not answer; is it still running?");
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.error || `the server answered with status ${answer.status}`);
  return content;
}

async function locate(picture, question) {
  turn += 1;
  const own = turn;
  problem.hidden = true;
  if (asked.src.startsWith("blob:") && asked.src !== picture) URL.revokeObjectURL(asked.src);
  asked.src = picture;
  asked.hidden = false;
  drop.classList.add("full", "waiting");
  drop.setAttribute("aria-busy", "true");
  forget();
  try {
    const answer = await question();
    if (own === turn) show(answer, picture);
  } catch (error) {
    if (own === turn) say(error.message);
  } finally {
    if (own === turn) {
      drop.classList.remove("waiting");
      drop.removeAttribute("aria-busy");
    }
  }
}

function say(message) {
  problem.textContent = message[0].toUpperCase() + message.slice(1);
  problem.hidden = false;
}

// No answer may be seen beside a photo that it is not of.
function forget() {
  given.hidden = true;
  found.show([], "");
  last = null;
  chart?.show(null);
}

function photo(file) {
  for (const button of document.querySelectorAll("[data-example]")) button.setAttribute("aria-pressed", "false");
  locate(URL.createObjectURL(file), () => {
    if (file.size > most) throw new Error(`this file is too large: at most ${most / 1e6} MB are taken`);
    const type = file.type.startsWith("image/") ? file.type : "application/octet-stream";
    return ask("api/locate", { method: "POST", headers: { "Content-Type": type }, body: file });
  });
}

function example(button) {
  const number = button.dataset.example;
  for (const each of document.querySelectorAll("[data-example]")) each.setAttribute("aria-pressed", String(each === button));
  locate(`api/example/${number}?size=large`, () => ask(`api/example/${number}`, { method: "POST" }));
}

function show(answer, picture) {
  one("main").classList.remove("fresh");
  given.hidden = false;
  given.className = `given ${answer.verdict}`;
  given.querySelector(".verdict b").textContent = answer.said;
  given.querySelector(".why").textContent = answer.why;
  given.querySelector(".where").textContent = answer.where;
  given.querySelector(".utm").textContent = answer.utm;
  given.querySelector(".osm").hidden = !answer.osm;
  if (answer.osm) given.querySelector(".osm").href = answer.osm;
  given.querySelector(".copy").textContent = "copy";
  sure(answer);
  given.querySelector("dl").replaceChildren(...answer.facts.flatMap(([what, much]) => [element("dt", {}, what), element("dd", {}, much)]));
  one(".circle-said").textContent = answer.expected_error ? "; half of such answers are off by less than the circle" : "";
  one(".truth-said").hidden = !answer.truth;
  found.show(answer.found, picture);
  last = answer;
  chart?.show(answer);
  const seen = given.getBoundingClientRect();
  if (seen.top > innerHeight - 100 || seen.bottom < 100) given.scrollIntoView({ block: "center" }); // on a phone
}

function sure(answer) {
  const part = given.querySelector(".sure");
  part.hidden = answer.confidence === null;
  if (part.hidden) return;
  const percent = `${Math.round(100 * answer.confidence)} %`;
  part.querySelector(".percent").textContent = percent;
  const bar = part.querySelector(".bar");
  bar.setAttribute("aria-valuenow", answer.confidence);
  bar.setAttribute("aria-valuetext", percent);
  bar.querySelector(".full").style.width = `${100 * answer.confidence}%`;
  const limit = bar.querySelector(".limit");
  limit.hidden = answer.threshold === null;
  if (!limit.hidden) limit.style.left = `${100 * answer.threshold}%`;
  part.querySelector(".limit-said").textContent = answer.limit;
}

async function copy(button) {
  const text = given.querySelector(".where").textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  } catch { // not allowed here: the text is marked, so that the keys for copying do it
    getSelection().selectAllChildren(given.querySelector(".where"));
    button.textContent = "marked: press Ctrl+C";
  }
}

function listen() {
  asked.addEventListener("error", () => { // no photo, or one that browsers do not show
    asked.hidden = true;
    drop.classList.remove("full");
  });
  one("#file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = ""; // so that the same photo can be chosen again
    if (file) photo(file);
  });
  for (const kind of ["dragover", "dragenter"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) photo(file);
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files || [])].find((each) => each.type.startsWith("image/"));
    if (file) photo(file);
  });
  for (const button of document.querySelectorAll("[data-example]")) button.addEventListener("click", () => example(button));
  given.querySelector(".copy").addEventListener("click", (event) => copy(event.target));
}

async function begin() {
  listen();
  try {
    const base = await ask("api/map");
    chart = new Chart(one("section.map"), base);
    one(".drawn").textContent = base.distinct > base.cloud.length ? ` (${base.cloud.length} of ${base.distinct} places drawn)` : "";
    one(".north").textContent = base.north ? "North is up. " : "";
    found.onPoint = (rank) => chart.light(rank);
    chart.onPoint = (rank) => found.light(rank);
    chart.onPick = (rank) => found.reveal(rank);
    if (last) chart.show(last); // it was faster than the map
  } catch (error) {
    say(`no map: ${error.message}`);
  }
}

begin();
