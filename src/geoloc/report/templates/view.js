// The view of a map in metres, in one or several areas: pan, zoom, pinch, keys. Who extends it says which places are to be in
// view (`places`, each [area, east, north, ...]), what is drawn (`paint`) and what a click does (`pick`), and calls `begin`.
const MOVED = 5; // pixels that a finger may tremble in a click

class MapView {
  constructor(root, areas) {
    this.canvas = root.querySelector("canvas");
    this.area = 0;
    this.pointers = new Map();
    const select = root.querySelector("select");
    for (let area = 0; area < areas; area += 1) select.append(new Option(`area ${area + 1}`, area));
    select.closest("label").hidden = areas < 2;
    select.addEventListener("input", () => this.go(Number(select.value)));
    this.select = select;
    for (const button of root.querySelectorAll("button")) {
      button.addEventListener("click", () => this.press(button.dataset.do));
    }
  }

  begin() {
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
    const low = [Infinity, Infinity];
    const high = [-Infinity, -Infinity];
    for (const place of this.places()) {
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

  draw() {
    if (this.waiting || !this.scale) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }
}

// The page's own colours, which differ by day and by night.
function coloursOf(element, names) {
  const styles = getComputedStyle(element);
  return Object.fromEntries(names.map((name) => [name, styles.getPropertyValue(`--${name}`).trim()]));
}

// 1, 2 or 5 times a power of ten metres, as long as fits into 120 pixels.
function stepOf(map) {
  const most = 120 / map.scale;
  const power = 10 ** Math.floor(Math.log10(most));
  return power * [5, 2, 1].find((times) => times * power <= most);
}

function paintScale(map, pen, colours) {
  const metres = stepOf(map);
  const [x, y, width] = [16, map.height - 14, metres * map.scale];
  pen.strokeStyle = colours.ink;
  pen.fillStyle = colours.ink;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(x, y - 5);
  pen.lineTo(x, y);
  pen.lineTo(x + width, y);
  pen.lineTo(x + width, y - 5);
  pen.stroke();
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "left";
  pen.fillText(metres >= 1000 ? `${metres / 1000} km` : `${metres} m`, x + 5, y - 5);
}
