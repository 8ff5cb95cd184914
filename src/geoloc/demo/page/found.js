// The photos that were found, as cards; and one of them beside the photo that was asked for.
function element(tag, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...inside);
  return made;
}

// Metres as people say them.
function metres(value) {
  if (value < 9.95) return `${value.toFixed(1)} m`;
  return value < 999.5 ? `${Math.round(value)} m` : `${(value / 1000).toFixed(value < 9950 ? 1 : 0)} km`;
}

class Found {
  constructor(section, dialog) {
    this.section = section;
    this.list = section.querySelector("ol");
    this.dialog = dialog;
    this.found = [];
    this.onPoint = () => {}; // gets a rank from 0, or null
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.querySelector(".back").addEventListener("click", () => this.turn(-1));
    dialog.querySelector(".on").addEventListener("click", () => this.turn(1));
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.turn(-1);
      if (event.key === "ArrowRight") this.turn(1);
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => this.cards[this.open]?.focus());
  }

  show(found, own) {
    this.found = found;
    this.own = own;
    this.cards = found.map((each, rank) => this.card(each, rank));
    this.list.replaceChildren(...this.cards.map((card) => element("li", {}, card)));
    this.section.hidden = !found.length;
  }

  card(each, rank) {
    const image = element("img", { src: `api/photo/${each.row}`, alt: "", loading: "lazy", width: 320, height: 240 });
    image.addEventListener("error", () => image.replaceWith(element("span", { className: "gone" }, "this photo is gone")));
    const apart = each.distance.toFixed(3);
    const card = element(
      "button", { type: "button", className: each.near ? "near" : "far", title: each.name }, image,
      element("span", { className: "rank" }, String(rank + 1)),
      element("span", { className: "says" }, element("b", {}, metres(each.metres)), element("span", {}, apart)),
    );
    card.setAttribute("aria-label", `rank ${rank + 1}: ${metres(each.metres)} from the answer, distance ${apart}; compare`);
    for (const [event, on] of [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]]) {
      card.addEventListener(event, () => {
        this.light(on ? rank : null);
        this.onPoint(on ? rank : null);
      });
    }
    card.addEventListener("click", () => this.compare(rank));
    return card;
  }

  light(rank) {
    this.cards.forEach((card, own) => card.classList.toggle("lit", own === rank));
  }

  reveal(rank) {
    this.cards[rank].scrollIntoView({ block: "center" });
    this.cards[rank].focus({ preventScroll: true });
  }

  compare(rank) {
    this.open = rank;
    const each = this.found[rank];
    const { dialog } = this;
    dialog.querySelector("h2").textContent = `rank ${rank + 1} of ${this.found.length}`;
    dialog.querySelector(".own").src = this.own;
    dialog.querySelector(".other").src = `api/photo/${each.row}?size=large`;
    const taken = each.time ? `, taken ${each.time}` : "";
    dialog.querySelector(".about-other").textContent =
      `${each.name}${taken}: ${metres(each.metres)} from the answer, distance ${each.distance.toFixed(3)}`;
    dialog.querySelector(".back").disabled = rank === 0;
    dialog.querySelector(".on").disabled = rank === this.found.length - 1;
    if (!dialog.open) dialog.showModal();
  }

  turn(by) {
    const rank = this.open + by;
    if (rank >= 0 && rank < this.found.length) this.compare(rank);
  }
}
