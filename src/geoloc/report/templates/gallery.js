// The gallery of one domain: every query with its first predictions, filtered, in order, a page at a time.
// `data` is what report/gallery.py has written: columns by query, and names of database images said once.
const PAGE = 20; // queries on a page: all that is in the document at a time

function element(tag, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...inside);
  return made;
}

// Whether a place of the map has degrees: [area, east, north, lat, lon]; in a local frame there are none.
function hasDegrees(place) {
  return Boolean(place) && place.length === 5;
}

// A link alone: nothing is asked of OpenStreetMap unless somebody follows it.
function osm(place, text) {
  if (!hasDegrees(place)) return text;
  const [lat, lon] = place.slice(3);
  const href = `https://www.openstreetmap.org/?mlat=${lat}&mlon=${lon}#map=19/${lat}/${lon}`;
  return element("a", { href, target: "_blank", rel: "noreferrer", title: "on OpenStreetMap" }, text);
}

class Gallery {
  constructor(root, data) {
    this.data = data;
    this.noun = data.noun || "queries";
    this.form = root.querySelector(".filters");
    this.cards = root.querySelector(".cards");
    this.count = root.querySelector(".count");
    this.pages = root.querySelector(".pages");
    this.onShow = () => {}; // gets the queries that passed the filters
    this.onMap = () => {}; // gets a query that is to be seen on the map
    this.page = 0;
    this.order = this.orders();
    this.form.addEventListener("input", () => this.filter());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("reset", () => setTimeout(() => this.filter()));
    for (const button of this.pages.querySelectorAll("button")) {
      button.addEventListener("click", () => this.turn(button.dataset.to));
    }
    this.filter();
  }

  // Order -> queries. The hardest first is worked out in Python.
  orders() {
    const all = [...this.data.hard.keys()];
    const names = this.data.queries;
    return {
      hard: this.data.hard,
      easy: [...this.data.hard].reverse(),
      name: [...all].sort((a, b) => (names[a] < names[b] ? -1 : 1)),
      unsure: [...all].sort((a, b) => this.data.apart[b][0] - this.data.apart[a][0] || a - b),
    };
  }

  right(query, first = this.data.first) {
    return first[query] > 0 && first[query] <= this.n;
  }

  // 1: became right by post-processing, -1: became wrong, 0: neither.
  flip(query) {
    return this.data.raw ? this.right(query) - this.right(query, this.data.raw) : 0;
  }

  filter() {
    const wanted = Object.fromEntries(new FormData(this.form));
    const { data } = this;
    this.n = Number(wanted.n);
    this.drawn = Boolean(wanted.drawn);
    const words = wanted.name.toLowerCase().split(/\s+/).filter(Boolean);
    const passes = (query) => {
      const name = data.queries[query].toLowerCase();
      return this.passes(query, wanted) && words.every((word) => name.includes(word));
    };
    this.shown = this.order[wanted.order].filter(passes);
    this.page = 0;
    this.show();
    this.onShow(this.shown);
  }

  // Whether a query is wanted by the filters, beside that of its name.
  passes(query, wanted) {
    const { data } = this;
    const right = this.right(query);
    if (wanted.outcome === "right" && !right) return false;
    if (wanted.outcome === "wrong" && right) return false;
    if (wanted.outcome === "missed" && (right || !data.answerable[query])) return false;
    if (wanted.outcome === "unanswerable" && data.answerable[query]) return false;
    if (wanted.drawn && !data.attention[query]) return false;
    if (wanted.condition && Number(wanted.condition) !== data.condition[query]) return false;
    if (wanted.flip === "any" && !this.flip(query)) return false;
    if (wanted.flip === "right" && this.flip(query) !== 1) return false;
    return wanted.flip !== "wrong" || this.flip(query) === -1;
  }

  last() {
    return Math.max(0, Math.ceil(this.shown.length / PAGE) - 1);
  }

  turn(to) {
    const pages = { first: 0, back: this.page - 1, next: this.page + 1, last: this.last() };
    this.page = Math.min(this.last(), Math.max(0, pages[to]));
    this.show();
    this.form.scrollIntoView({ block: "start" });
  }

  show() {
    const total = this.data.queries.length;
    const queries = this.shown.slice(this.page * PAGE, (this.page + 1) * PAGE);
    this.cards.replaceChildren(...queries.map((query) => this.card(query)));
    const share = total ? ((100 * this.shown.length) / total).toFixed(1) : "0";
    this.count.value = `${this.shown.length} of ${total} ${this.noun} (${share} %)`;
    this.pages.hidden = this.last() === 0;
    this.pages.querySelector(".where").textContent = `page ${this.page + 1} of ${this.last() + 1}`;
    for (const button of this.pages.querySelectorAll("button")) {
      const back = button.dataset.to === "first" || button.dataset.to === "back";
      button.disabled = back ? this.page === 0 : this.page === this.last();
    }
  }

  // Let a map show what is shown here, and a click on either lead to the other.
  tie(map) {
    this.onShow = (queries) => {
      map.shown = queries;
      map.draw();
    };
    this.onMap = (query) => map.focusOn(query);
    map.onPick = (query) => this.reveal(query);
    this.onShow(this.shown);
  }

  // Bring a query that has passed the filters into view.
  reveal(query) {
    this.page = Math.floor(this.shown.indexOf(query) / PAGE);
    this.show();
    const card = this.cards.querySelector(`[data-query="${query}"]`);
    card.classList.add("chosen");
    card.scrollIntoView({ block: "center" });
    card.focus({ preventScroll: true });
  }

  verdict(query) {
    const first = this.data.first[query];
    if (first === 1) return "✓ right";
    if (first > 1) return `✗ first right at rank ${first}`;
    return this.data.answerable[query] ? `✗ none right in ${this.data.k}` : "✗ no right image in the database";
  }

  card(query) {
    const { data } = this;
    const flip = this.flip(query);
    const head = element("header", {}, element("b", { className: data.first[query] === 1 ? "right" : "wrong" }, this.verdict(query)));
    const condition = data.conditions[data.condition[query]];
    if (condition) head.append(element("span", { className: "tag" }, condition));
    if (flip) head.append(element("span", { className: "tag" }, `became ${flip > 0 ? "right" : "wrong"} by post-processing`));
    const own = data.map && data.map.queries[query];
    if (own) {
      const button = element("button", { type: "button" }, "show on the map");
      button.addEventListener("click", () => this.onMap(query));
      head.append(button);
      if (hasDegrees(own)) head.append(osm(own, "OpenStreetMap"));
    }
    const row = element("div", { className: "row" }, this.photo("queries", query, "query", "query"));
    data.found[query].forEach((image, rank) => row.append(this.prediction(query, image, rank)));
    const card = element("article", { className: "card", tabIndex: -1 }, head, row);
    card.append(element("p", { className: "soft" }, data.queries[query]));
    if (data.attention[query]) card.append(this.attention(query));
    card.dataset.query = query;
    return card;
  }

  prediction(query, image, rank) {
    const { data } = this;
    const right = data.right[query][rank];
    const apart = element("span", { className: "soft", title: "distance of the descriptors" }, data.apart[query][rank].toFixed(3));
    const place = data.map && data.map.base[image];
    return this.photo("base", image, right ? "right" : "wrong", `${rank + 1} ${right ? "✓" : "✗"} `, osm(place, this.far(query, rank)), " ", apart);
  }

  // How far a prediction is from the query, in what its domain counts.
  far(query, rank) {
    const { metres, frame } = this.data;
    if (!frame) return `${metres[query][rank].toLocaleString("en", { maximumFractionDigits: 1 })} m`;
    const frames = Math.round(metres[query][rank] / frame);
    return `${frames.toLocaleString("en")} frame${frames === 1 ? "" : "s"}`;
  }

  // Where the file of a photo may be: where it was, and as seen from the page, which may have moved along with it.
  addresses(side, name) {
    const escaped = name.split("/").map(encodeURIComponent).join("/");
    const folder = side === "base" ? "database" : side;
    if (name.startsWith("/")) return [`file://${escaped}`]; // of a table that names photos anywhere
    const near = `${this.data.roots[folder]}/${escaped}`;
    return location.protocol === "file:" ? [`${this.data.files[folder]}/${escaped}`, near] : [near];
  }

  // From the page itself where it holds the photo, else from its file, which is read when it comes into view.
  photo(side, number, kind, ...caption) {
    const name = this.data[side][number];
    const [href, ...others] = this.addresses(side, name);
    const held = this.data.thumbs[side][number];
    const image = element("img", { loading: held ? "eager" : "lazy", width: 160, height: 120, alt: `${kind}: ${name}`, title: name });
    const link = element("a", { href, target: "_blank" }, image);
    image.addEventListener("error", () => {
      if (!others.length) return image.replaceWith(element("span", { className: "gone" }, "photo is not here"));
      image.src = link.href = others.shift();
    });
    image.src = held || href;
    return element("figure", { className: kind }, link, element("figcaption", {}, ...caption));
  }

  attention(query) {
    const { src, shown } = this.data.attention[query];
    const told = shown.map(([role, name, similarity]) => element("li", {}, `${role}: ${name}, similarity ${similarity.toFixed(3)}`));
    const alt = "Heat over the query and over each database image beside it";
    const how = "From the left: the query, its first prediction and, where that is wrong, the right image. The yellower a part, the more it adds to the similarity.";
    const picture = element("figure", {}, element("img", { src, loading: "lazy", alt }), element("figcaption", {}, how, element("ul", {}, ...told)));
    return element("details", { className: "attention", open: this.drawn }, element("summary", {}, "what made the match"), picture);
  }
}
