// The map of one domain in metres: where the database is, where each query is, and how far off wrong predictions are.
const NEAR = 14; // pixels from a query within which a click chooses it
const MOVED = 5; // pixels that a finger may tremble in a click

class PlaceMap {
  constructor(root, data) {
    this.data = data;
    this.canvas = root.querySelector("canvas");
    this.told = root.querySelector(".told");
    this.area = 0;
    this.shown = [];
    this.chosen = null;
    this.pointers = new Map();
    this.onPick = () => {}; // gets the query that was clicked
    const select = root.querySelector("select");
    for (let area = 0; area < data.map.areas; area += 1) select.append(new Option(`area ${area + 1}`, area));
    select.closest("label").hidden = data.map.areas < 2;
    select.addEventListener("input", () => this.go(Number(select.value)));
    this.select = select;
    for (const button of root.querySelectorAll("button")) {
      button.addEventListener("click", () => this.press(button.dataset.do));
    }
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.resize();
    this.go(0);
  }

  // Metres of a place, or null outside of the area that is shown.
  at(place) {
    return place && place[0] === this.area ? place : null;
  }

  go(area) {
    this.area = area;
    this.select.value = area;
    this.fit();
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || (clientWidth === this.width && clientHeight === this.height)) return;
    const ratio = window.devicePixelRatio || 1;
    [this.width, this.height] = [clientWidth, clientHeight];
    [this.canvas.width, this.canvas.height] = [clientWidth * ratio, clientHeight * ratio];
    this.canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.scale) this.draw();
    else this.fit();
  }

  // The whole area in view.
  fit() {
    const { map } = this.data;
    const low = [Infinity, Infinity];
    const high = [-Infinity, -Infinity];
    for (const place of [...map.cloud, ...map.queries]) {
      if (!this.at(place)) continue;
      for (const axis of [0, 1]) {
        low[axis] = Math.min(low[axis], place[1 + axis]);
        high[axis] = Math.max(high[axis], place[1 + axis]);
      }
    }
    if (!this.width || low[0] === Infinity) return;
    this.middle = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
    const room = [this.width - 40, this.height - 70];
    this.scale = Math.min(room[0] / Math.max(high[0] - low[0], 20), room[1] / Math.max(high[1] - low[1], 20));
    this.whole = this.scale; // at which all is in view
    this.draw();
  }

  // Pixels of metres; north is up.
  pixel(place) {
    return [this.width / 2 + (place[1] - this.middle[0]) * this.scale, this.height / 2 - (place[2] - this.middle[1]) * this.scale];
  }

  inView(x, y) {
    return x > -9 && y > -9 && x < this.width + 9 && y < this.height + 9;
  }

  // Zoom so that what lies under (x, y) stays there.
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(100, Math.max(this.whole / 2, this.scale * factor));
    const [dx, dy] = [x - this.width / 2, y - this.height / 2];
    this.middle[0] += dx / this.scale - dx / scale;
    this.middle[1] -= dy / this.scale - dy / scale;
    this.scale = scale;
    this.draw();
  }

  pan(dx, dy) {
    this.middle[0] -= dx / this.scale;
    this.middle[1] += dy / this.scale;
    this.draw();
  }

  press(what) {
    if (what === "in") this.zoom(1.5);
    else if (what === "out") this.zoom(1 / 1.5);
    else this.fit();
  }

  listen() {
    const { canvas } = this;
    const where = (event) => [event.offsetX, event.offsetY];
    canvas.addEventListener("wheel", (event) => {
      // A page that is scrolled past the map is not held up: the wheel zooms once the map has been clicked.
      if (document.activeElement !== canvas && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), ...where(event));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      if (this.pointers.size === 0) this.moved = 0;
      this.pointers.set(event.pointerId, where(event));
    });
    canvas.addEventListener("pointermove", (event) => this.move(event.pointerId, where(event)));
    canvas.addEventListener("pointerup", (event) => {
      if (this.pointers.size === 1 && this.moved < MOVED) this.pick(...where(event));
      this.pointers.delete(event.pointerId);
    });
    canvas.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
      const names = { "+": "in", "=": "in", "-": "out", 0: "fit" };
      if (steps[event.key]) this.pan(...steps[event.key]);
      else if (names[event.key]) this.press(names[event.key]);
      else return;
      event.preventDefault();
    });
  }

  // One finger or the mouse pans, two fingers pinch.
  move(id, [x, y]) {
    const was = this.pointers.get(id);
    if (!was) return;
    const others = [...this.pointers].filter(([other]) => other !== id).map(([, at]) => at);
    this.pointers.set(id, [x, y]);
    this.moved += Math.hypot(x - was[0], y - was[1]);
    if (this.moved < MOVED) return;
    if (!others.length) {
      this.pan(x - was[0], y - was[1]);
      return;
    }
    const [ox, oy] = others[0];
    const before = Math.hypot(was[0] - ox, was[1] - oy);
    const after = Math.hypot(x - ox, y - oy);
    if (before && after) this.zoom(after / before, (x + ox) / 2, (y + oy) / 2);
  }

  // Queries that a click at (x, y) may mean, the nearest first.
  nearest(x, y) {
    const near = [];
    for (const query of this.shown) {
      const place = this.at(this.data.map.queries[query]);
      if (!place) continue;
      const [px, py] = this.pixel(place);
      const far = Math.hypot(px - x, py - y);
      if (far <= NEAR) near.push([far, query]);
    }
    return near.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, query]) => query);
  }

  // The nearest query; where several stand at one place, each click gives the next.
  pick(x, y) {
    const near = this.nearest(x, y);
    if (!near.length) return;
    this.choose(near[(near.indexOf(this.chosen) + 1) % near.length]);
    this.onPick(this.chosen);
  }

  choose(query) {
    this.chosen = query;
    const place = this.data.map.queries[query];
    if (place && place[0] !== this.area) this.go(place[0]);
    this.told.textContent = `chosen: ${this.data.queries[query]}`;
    this.draw();
  }

  // Bring a query and its predictions into view.
  focusOn(query) {
    this.choose(query);
    const place = this.at(this.data.map.queries[query]);
    this.middle = [place[1], place[2]];
    const far = this.data.found[query].map((image) => this.at(this.data.map.base[image])).filter(Boolean)
      .map((at) => Math.max(Math.abs(at[1] - place[1]), Math.abs(at[2] - place[2])));
    this.scale = Math.min(8, Math.max(this.whole / 2, (Math.min(this.width, this.height) / 2 - 30) / Math.max(10, ...far)));
    this.draw();
    this.canvas.scrollIntoView({ block: "center" });
  }

  paint() {
    paint(this);
  }

  draw() {
    if (this.waiting || !this.scale) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }
}
