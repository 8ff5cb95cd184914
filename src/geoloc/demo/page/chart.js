// The map: the database as dots, what was found with its ranks, the answer with the circle of its expected error.
const REACH = 14; // pixels from a point within which the pointer means it
const NUMBERED = 5; // ranks that are written down; the others as they are pointed at

class Chart extends MapView {
  constructor(root, base) {
    super(root, base.areas.length);
    this.base = base;
    this.answer = null;
    this.lit = null; // rank of what is pointed at, from 0
    this.onPoint = () => {}; // gets a rank, or null
    this.onPick = () => {}; // gets a rank
    this.toAnswer = root.querySelector("[data-do=answer]");
    [...this.select.options].forEach((option, area) => { option.text = base.areas[area]; });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.pointers.size) this.point(this.near(event.offsetX, event.offsetY));
    });
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    this.begin();
  }

  places() {
    const own = this.answer ? [this.answer.place, ...this.answer.found.map((each) => each.place)] : [];
    return [...this.base.cloud, ...own];
  }

  show(answer) {
    this.answer = answer;
    this.lit = null;
    this.toAnswer.disabled = !answer;
    if (answer) this.press("answer");
    else this.draw();
  }

  press(what) {
    if (what !== "answer") super.press(what);
    else if (this.answer) this.goToAnswer();
  }

  // The answer in the middle, with its circle and what was found near it, or else the nearer half of what was found.
  goToAnswer() {
    const { place, found, expected_error: error } = this.answer;
    if (place[0] !== this.area) this.go(place[0]);
    const near = found.filter((each) => each.near);
    const shown = (near.length > 1 ? near : found).map((each) => each.metres).sort((a, b) => a - b);
    const reach = near.length > 1 ? 2 * shown.at(-1) : 1.3 * shown[Math.floor(shown.length / 2)];
    this.middle = place.slice(1);
    const room = Math.min(this.width, this.height) / 2 - 24;
    this.scale = Math.min(8, Math.max(this.whole, room / Math.max(50, reach, 1.4 * (error || 0))));
    this.draw();
  }

  // Rank of what lies under (x, y), the better one where several do; null for none.
  near(x, y) {
    if (!this.answer || !this.scale) return null;
    let best = null;
    let nearest = REACH;
    this.answer.found.forEach((each, rank) => {
      const place = this.at(each.place);
      if (!place) return;
      const [px, py] = this.pixel(place);
      const far = Math.hypot(px - x, py - y);
      if (far < nearest) [best, nearest] = [rank, far];
    });
    return best;
  }

  point(rank) {
    if (rank === this.lit) return;
    this.light(rank);
    this.canvas.style.cursor = rank === null ? "" : "pointer";
    this.onPoint(rank);
  }

  light(rank) {
    this.lit = rank;
    this.draw();
  }

  pick(x, y) {
    const rank = this.near(x, y);
    if (rank !== null) this.onPick(rank);
  }

  paint() {
    const pen = this.canvas.getContext("2d");
    const colours = coloursOf(this.canvas, ["soft", "ink", "blue", "back", "card", "line", "found", "right"]);
    pen.clearRect(0, 0, this.width, this.height);
    this.paintGrid(pen, colours);
    this.paintBase(pen, colours);
    if (this.answer) {
      this.paintCircle(pen, colours);
      this.paintHere(pen, colours);
      this.paintFound(pen, colours);
    }
    pen.globalAlpha = 1;
    paintScale(this, pen, colours);
  }

  // Lines as far apart as the bar of the scale is long.
  paintGrid(pen, colours) {
    const step = stepOf(this);
    pen.globalAlpha = 0.55;
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    pen.beginPath();
    for (const [axis, size] of [[0, this.width], [1, this.height]]) {
      const half = size / 2 / this.scale;
      for (let at = Math.ceil((this.middle[axis] - half) / step) * step; at < this.middle[axis] + half; at += step) {
        const line = Math.round(size / 2 + (axis ? -1 : 1) * (at - this.middle[axis]) * this.scale) + 0.5;
        pen.moveTo(axis ? 0 : line, axis ? line : 0);
        pen.lineTo(axis ? this.width : line, axis ? line : this.height);
      }
    }
    pen.stroke();
  }

  paintBase(pen, colours) {
    pen.fillStyle = colours.soft;
    pen.globalAlpha = this.answer ? 0.4 : 0.6;
    const size = Math.min(4, Math.max(2, 2 * Math.sqrt(this.scale / this.whole)));
    for (const place of this.base.cloud) {
      if (place[0] !== this.area) continue;
      const [x, y] = this.pixel(place);
      if (this.inView(x, y)) pen.fillRect(x - size / 2, y - size / 2, size, size);
    }
  }

  paintCircle(pen, colours) {
    const place = this.at(this.answer.place);
    if (!place || !this.answer.expected_error) return;
    disc(pen, ...this.pixel(place), Math.max(3, this.answer.expected_error * this.scale));
    pen.globalAlpha = 0.14;
    pen.fillStyle = colours.blue;
    pen.fill();
    pen.globalAlpha = 0.8;
    pen.strokeStyle = colours.blue;
    pen.lineWidth = 1.5;
    pen.stroke();
  }

  // The best on top, what is pointed at above all.
  paintFound(pen, colours) {
    const ranks = this.answer.found.map((_, rank) => rank).reverse().filter((rank) => rank !== this.lit);
    if (this.lit !== null) ranks.push(this.lit);
    pen.font = "600 11px system-ui, sans-serif";
    pen.textAlign = "center";
    for (const rank of ranks) {
      const each = this.answer.found[rank];
      const place = this.at(each.place);
      if (!place) continue;
      const lit = rank === this.lit;
      const [x, y] = lit ? this.inside(pen, colours, each) : this.pixel(place);
      const numbered = lit || rank < NUMBERED;
      pen.globalAlpha = 1;
      disc(pen, x, y, lit ? 12 : numbered ? 8.5 : 4.5);
      pen.fillStyle = each.near ? colours.found : colours.card;
      pen.fill();
      pen.lineWidth = lit ? 3 : 2;
      pen.strokeStyle = lit ? colours.ink : each.near ? colours.back : colours.found;
      pen.stroke();
      if (!numbered) continue;
      pen.fillStyle = each.near ? colours.back : colours.ink;
      pen.fillText(rank + 1, x, y + 4);
    }
  }

  // Where what is pointed at is drawn: outside of the view on its edge, with how far it is.
  inside(pen, colours, { place, metres: far }) {
    const middle = [this.width / 2, this.height / 2];
    const away = this.pixel(place).map((pixel, axis) => pixel - middle[axis]);
    const fits = Math.min(1, (middle[0] - 20) / Math.abs(away[0]), (middle[1] - 40) / Math.abs(away[1]));
    const at = middle.map((pixel, axis) => pixel + fits * away[axis]);
    if (fits < 1) {
      pen.fillStyle = colours.ink;
      pen.textAlign = away[0] > 0 ? "right" : "left";
      pen.fillText(`${metres(far)} away`, at[0] + (away[0] > 0 ? 12 : -12), at[1] - 18);
      pen.textAlign = "center";
    }
    return at;
  }

  paintHere(pen, colours) {
    pen.globalAlpha = 1;
    const truth = this.answer.truth && this.at(this.answer.truth);
    if (truth) {
      const [x, y] = this.pixel(truth);
      pen.beginPath();
      for (const [dx, dy] of [[0, -8], [8, 0], [0, 8], [-8, 0]]) pen.lineTo(x + dx, y + dy);
      pen.closePath();
      pen.fillStyle = colours.right;
      pen.fill();
      pen.strokeStyle = colours.back;
      pen.lineWidth = 2;
      pen.stroke();
    }
    const place = this.at(this.answer.place);
    if (!place) return;
    const [x, y] = this.pixel(place);
    for (const [width, colour] of [[7, colours.back], [3.5, colours.blue]]) {
      pen.lineWidth = width;
      pen.strokeStyle = colour;
      disc(pen, x, y, 14);
      pen.stroke();
      pen.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        pen.moveTo(x + 14 * dx, y + 14 * dy);
        pen.lineTo(x + 21 * dx, y + 21 * dy);
      }
      pen.stroke();
    }
  }
}

function disc(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
}
