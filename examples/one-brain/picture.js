// Draws what compare.js has measured: a square for each request, a row for each worker.

const CELL = 16;
const GAP = 3;
const LEFT = 24;
const LABEL = 94;
const STEP = CELL + GAP;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2933; }
  .title { font-weight: 600; font-size: 15px; }
  .note, .row { fill: #52606d; }
  .called { fill: #c8372d; }
  .refused { fill: #2f855a; opacity: .35; }
  .ground { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb; } .note, .row { fill: #9aa5b1; } .ground { fill: #14181d; }
    .called { fill: #f26d63; } .refused { fill: #63c08f; }
  }`;

function panel({ title, workers, requests, called }, top) {
  const rows = workers.map((worker, row) => {
    const y = top + 46 + row * STEP;
    const cells = requests
      .filter((one) => one.worker === worker)
      .map(
        ({ isCalled, round }) =>
          `<rect class="${isCalled ? 'called' : 'refused'}" x="${LABEL + round * STEP}" y="${y}" width="${CELL}" height="${CELL}" rx="2"/>`,
      );
    return `<text class="row" x="${LEFT}" y="${y + 13}">worker ${row + 1}</text>${cells.join('')}`;
  });
  return [
    `<text class="title" x="${LEFT}" y="${top + 16}">${title}: ${called} failed calls</text>`,
    `<text class="note" x="${LEFT}" y="${top + 35}">each column is one request to each worker, in the order of time</text>`,
    ...rows,
  ].join('\n');
}

/** @returns an SVG picture of several results, one below the other */
export function picture(results) {
  const height = (result) => 46 + result.workers.length * STEP + 22;
  const rounds = Math.max(...results.flatMap(({ requests }) => requests.map(({ round }) => round))) + 1;
  const width = LABEL + rounds * STEP + LEFT;
  let top = 18;
  const panels = results.map((result) => {
    const drawn = panel(result, top);
    top += height(result);
    return drawn;
  });
  const label = results.map(({ title, called }) => `${title}: ${called} failed calls`).join('; ');
  const key = [
    `<rect class="called" x="${LEFT}" y="${top}" width="${CELL}" height="${CELL}" rx="2"/>`,
    `<text x="${LEFT + 24}" y="${top + 13}">called the bank, which fails</text>`,
    `<rect class="refused" x="${LEFT + 220}" y="${top}" width="${CELL}" height="${CELL}" rx="2"/>`,
    `<text x="${LEFT + 244}" y="${top + 13}">refused at once by an open breaker</text>`,
  ].join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top + 34}" width="${width}" height="${top + 34}" role="img" aria-label="${label}">
<style>${STYLE}
</style>
<rect class="ground" width="100%" height="100%"/>
${panels.join('\n')}
${key}
</svg>
`;
}
