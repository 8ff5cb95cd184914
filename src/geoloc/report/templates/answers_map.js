// The map of answers: database as small dots, answers as discs in the colour of their confidence with the circle of their
// expected error, unknown ones as hollow rings; the photo under the mouse is told of.
const CIRCLES = 300; // circles that are drawn at a time, beside that of the chosen photo

class AnswerMap extends PlaceMap {
  listen() {
    super.listen();
    this.hint = this.canvas.parentElement.querySelector(".hint");
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => { this.hint.hidden = true; });
  }

  // Name, picture and confidence of the photo under the mouse.
  hover(event) {
    const [query] = this.pointers.size ? [] : this.nearest(event.offsetX, event.offsetY);
    this.canvas.style.cursor = query === undefined ? "" : "pointer";
    this.hint.hidden = query === undefined;
    if (query === undefined) return;
    const { data } = this;
    const sure = data.confidence[query] === null ? "" : `, confidence ${data.confidence[query].toFixed(2)}`;
    const lines = [element("span", {}, `${data.queries[query]}${sure}${data.known[query] ? "" : ", unknown"}`)];
    if (data.thumbs.queries[query]) lines.unshift(element("img", { src: data.thumbs.queries[query], alt: "" }));
    this.hint.replaceChildren(...lines);
    const left = Math.min(event.offsetX + 14, this.width - this.hint.offsetWidth - 4);
    this.hint.style.left = `${Math.max(4, left)}px`;
    this.hint.style.top = `${event.offsetY + 16}px`;
  }

  // Bring an answer and what speaks for it into view; candidates elsewhere may be a continent away.
  focusOn(query) {
    const { data } = this;
    super.focusOn(query);
    const place = this.at(data.map.queries[query]);
    const there = data.found[query].filter((_, rank) => data.near[query][rank]).map((image) => data.map.base[image]);
    const far = [...there, data.map.truth[query]].map((other) => this.at(other)).filter(Boolean)
      .map((at) => Math.max(Math.abs(at[1] - place[1]), Math.abs(at[2] - place[2])));
    const shown = Math.max(30, ...far, Math.min(data.expected[query] ?? 0, 500));
    this.scale = Math.max(this.whole / 2, (Math.min(this.width, this.height) / 2 - 30) / shown);
    this.draw();
  }

  paint() {
    const pen = this.canvas.getContext("2d");
    const styles = getComputedStyle(this.canvas);
    const colours = coloursOf(this.canvas, ["soft", "ink", "blue"]);
    pen.clearRect(0, 0, this.width, this.height);
    this.paintCloud(pen, colours.soft);
    const faded = this.chosen === null ? 1 : 0.35;
    const size = Math.min(5, Math.max(2, 5 * Math.sqrt((300 / (this.shown.length || 1)) * (this.scale / this.whole))));
    for (const query of this.shown) this.paintAnswer(pen, query, styles, faded, size, this.shown.length <= CIRCLES);
    if (this.chosen !== null) this.paintChosen(pen, styles, colours);
    pen.globalAlpha = 1;
    paintScale(this, pen, colours);
  }

  paintAnswer(pen, query, styles, faded, size, circle) {
    const { data } = this;
    const place = this.at(data.map.queries[query]);
    if (!place) return;
    const [x, y] = this.pixel(place);
    const known = data.known[query];
    const colour = known ? colourOf(data.confidence[query], styles) : styles.getPropertyValue("--soft").trim();
    pen.fillStyle = pen.strokeStyle = colour;
    if (circle && known && data.expected[query] !== null) this.paintCircle(pen, x, y, data.expected[query], 0.12 * faded);
    if (!this.inView(x, y)) return;
    pen.globalAlpha = query === this.chosen ? 1 : faded;
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.arc(x, y, known ? size : 0.9 * size, 0, 2 * Math.PI);
    if (known) pen.fill();
    else pen.stroke();
  }

  paintCircle(pen, x, y, radius, opacity) {
    pen.beginPath();
    pen.arc(x, y, radius * this.scale, 0, 2 * Math.PI);
    pen.globalAlpha = opacity;
    pen.fill();
    pen.globalAlpha = Math.min(1, 3 * opacity);
    pen.lineWidth = 1;
    pen.stroke();
  }

  // The chosen photo with a ring, its circle, each of its candidates with its rank, and where it truly was.
  paintChosen(pen, styles, colours) {
    const { data, chosen } = this;
    const place = this.at(data.map.queries[chosen]);
    if (!place) return;
    const from = this.pixel(place);
    const colour = colourOf(data.confidence[chosen], styles);
    pen.fillStyle = pen.strokeStyle = colour;
    if (data.expected[chosen] !== null) this.paintCircle(pen, ...from, data.expected[chosen], 0.2);
    pen.globalAlpha = 1;
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "left";
    const said = new Map(); // ranks of one place share a label
    data.found[chosen].forEach((image, rank) => {
      const found = this.at(data.map.base[image]);
      if (!found) return;
      const [x, y] = this.pixel(found);
      pen.strokeStyle = data.near[chosen][rank] ? colour : colours.soft;
      this.paintLine(pen, from, [x, y]);
      pen.beginPath();
      pen.arc(x, y, 4, 0, 2 * Math.PI);
      pen.stroke();
      const key = `${Math.round(x)},${Math.round(y)}`;
      said.set(key, { x, y, ranks: [...(said.get(key)?.ranks || []), rank + 1] });
    });
    pen.fillStyle = colours.ink;
    for (const { x, y, ranks } of said.values()) pen.fillText(ranks.join(", "), x + 7, y - 6);
    this.paintTruth(pen, from, colours);
    pen.strokeStyle = colours.blue;
    pen.lineWidth = 3;
    pen.beginPath();
    pen.arc(...from, 9, 0, 2 * Math.PI);
    pen.stroke();
  }

  paintTruth(pen, from, colours) {
    const truth = this.at(this.data.map.truth[this.chosen]);
    if (!truth) return;
    const [x, y] = this.pixel(truth);
    pen.strokeStyle = colours.ink;
    pen.setLineDash([4, 4]);
    this.paintLine(pen, from, [x, y]);
    pen.setLineDash([]);
    this.paintLine(pen, [x - 6, y - 6], [x + 6, y + 6], 2.5);
    this.paintLine(pen, [x - 6, y + 6], [x + 6, y - 6], 2.5);
  }

  paintLine(pen, from, to, width = 1.5) {
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  }
}
