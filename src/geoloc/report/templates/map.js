// The map of one domain: where the database is, where each query is, and how far off wrong predictions are.
const NEAR = 14; // pixels from a query within which a click chooses it

class PlaceMap extends MapView {
  constructor(root, data) {
    super(root, data.map.areas);
    this.data = data;
    this.told = root.querySelector(".told");
    this.shown = [];
    this.chosen = null;
    this.onPick = () => {}; // gets the query that was clicked
    this.begin();
  }

  places() {
    return [...this.data.map.cloud, ...this.data.map.queries];
  }

  paint() {
    paint(this);
  }

  // The database, as small dots.
  paintCloud(pen, colour) {
    pen.fillStyle = colour;
    pen.globalAlpha = 0.55;
    for (const place of this.data.map.cloud) {
      if (!this.at(place)) continue;
      const [x, y] = this.pixel(place);
      if (this.inView(x, y)) pen.fillRect(x - 1.25, y - 1.25, 2.5, 2.5);
    }
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
}
