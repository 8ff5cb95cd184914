// How long metres are on a map.
// A bar of 1, 2 or 5 times a power of ten metres.
function paintScale(map, pen, colours) {
  const most = 120 / map.scale;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = power * [5, 2, 1].find((times) => times * power <= most);
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
