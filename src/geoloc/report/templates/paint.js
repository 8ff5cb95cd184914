// What the map shows: database as small dots, right queries as green discs, wrong ones as red squares with a line to
// where their first prediction stands. Colours are those of the page.
function paint(map) {
  const pen = map.canvas.getContext("2d");
  const colours = coloursOf(map.canvas, ["soft", "ink", "blue", "right", "wrong"]);
  pen.clearRect(0, 0, map.width, map.height);
  map.paintCloud(pen, colours.soft);
  const faded = map.chosen === null ? 1 : 0.35;
  paintLines(map, pen, colours.wrong, faded);
  // Small where thousands lie close, full-grown as one zooms in.
  const size = Math.min(4, Math.max(1.5, 4 * Math.sqrt((400 / (map.shown.length || 1)) * (map.scale / map.whole))));
  for (const query of map.shown) paintQuery(map, pen, query, colours, faded, query === map.chosen ? 4 : size);
  if (map.chosen !== null) paintChosen(map, pen, colours);
  pen.globalAlpha = 1;
  paintScale(map, pen, colours);
}

function paintLines(map, pen, red, faded) {
  pen.strokeStyle = red;
  pen.lineWidth = 1;
  const wrong = map.shown.filter((query) => !map.data.right[query][0]);
  pen.globalAlpha = Math.min(0.5, Math.max(0.08, 20 / wrong.length)) * faded; // many lines would hide all else
  for (const query of wrong) {
    const place = map.at(map.data.map.queries[query]);
    const found = map.at(map.data.map.base[map.data.found[query][0]]);
    if (!place || !found) continue; // in another city, perhaps
    pen.beginPath();
    pen.moveTo(...map.pixel(found));
    pen.lineTo(...map.pixel(place));
    pen.stroke();
  }
}

function paintQuery(map, pen, query, colours, faded, size) {
  const place = map.at(map.data.map.queries[query]);
  if (!place) return;
  const [x, y] = map.pixel(place);
  if (!map.inView(x, y)) return;
  const right = map.data.right[query][0];
  pen.globalAlpha = query === map.chosen ? 1 : faded;
  pen.fillStyle = right ? colours.right : colours.wrong;
  if (right) {
    pen.beginPath();
    pen.arc(x, y, size, 0, 2 * Math.PI);
    pen.fill();
  } else {
    pen.fillRect(x - 0.9 * size, y - 0.9 * size, 1.8 * size, 1.8 * size);
  }
}

// The chosen query with a ring, and each of its predictions with its rank.
function paintChosen(map, pen, colours) {
  const place = map.at(map.data.map.queries[map.chosen]);
  if (!place) return;
  const from = map.pixel(place);
  pen.globalAlpha = 1;
  pen.lineWidth = 2;
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "left";
  const said = new Map(); // ranks of one place share a label
  map.data.found[map.chosen].forEach((image, rank) => {
    const found = map.at(map.data.map.base[image]);
    if (!found) return;
    const [x, y] = map.pixel(found);
    pen.strokeStyle = map.data.right[map.chosen][rank] ? colours.right : colours.wrong;
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(x, y);
    pen.moveTo(x + 4, y);
    pen.arc(x, y, 4, 0, 2 * Math.PI);
    pen.stroke();
    const key = `${Math.round(x)},${Math.round(y)}`;
    said.set(key, { x, y, ranks: [...(said.get(key)?.ranks || []), rank + 1] });
  });
  pen.fillStyle = colours.ink;
  for (const { x, y, ranks } of said.values()) pen.fillText(ranks.join(", "), x + 7, y - 6);
  pen.strokeStyle = colours.blue;
  pen.lineWidth = 3;
  pen.beginPath();
  pen.arc(...from, 8, 0, 2 * Math.PI);
  pen.stroke();
}
