// Names, ids, errors and addresses come from clients and other processes. None of them may become markup, a
// script or a link, and none may break a page.
import { expect } from 'chai';
import { useChromium } from './browser.js';
import type { FakePlane } from './fake-plane.js';
import { PLACES, visit } from './places.js';
import { problem } from './plane-rows.js';

const CORPUS = [
  '<script>window.executed = 1</script>',
  '"><img src=x onerror="window.executed = 2">',
  "'><svg onload=window.executed=3>",
  'javascript:window.executed=4',
  'data:text/html,<script>parent.executed = 5</script>',
  '</title></style></textarea><iframe srcdoc="<script>parent.executed = 6</script>">',
  '{{constructor.constructor("window.executed = 7")()}}',
  '$' + '{window.executed = 8}',
  '__proto__',
  'constructor',
  'evil\u202egnp.exe\u2066\u0000\u001b[31m',
  `#/overview" onclick="window.executed = 9`,
  `long ${'x'.repeat(20_000)}`,
  '',
];

/** Replaces every string of a value by the next one of the corpus. */
function poison(value: unknown, next: () => string): unknown {
  if (typeof value === 'string') return next();
  if (Array.isArray(value)) return value.map((one) => poison(one, next));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, poison(one, next)]));
}

function poisonAll({ data }: FakePlane, shift: number): void {
  let at = shift;
  const next = (): string => CORPUS[at++ % CORPUS.length]!;
  data.overview.problems = [problem(), problem({ id: '2' }), problem({ id: '3' })];
  Object.assign(data, poison(data, next));
  // One page is that of a saga, which is found by its id.
  Object.assign(data.sagas[0]!, { sagaId: '0198c2a0-0000-7000-8000-000000000000' });
  const counts = Object.fromEntries(CORPUS.map((text) => [text, 3]));
  Object.assign(data.limits.concurrency, { shed: counts });
  data.cpu.refused = counts;
}

describe('hostile texts', () => {
  const open = useChromium();

  for (const shift of [0, 5]) {
    it(`stay texts on every page, with the corpus from its text ${shift + 1} on`, async () => {
      const { page, errors } = await open({ prepare: (plane) => poisonAll(plane, shift) });
      const found: string[] = [];
      page.on('dialog', (dialog) => found.push(dialog.message()));
      for (const [place] of PLACES) {
        await visit(page, place);
        found.push(
          ...(await page.evaluate((at) => {
            const all = [...document.querySelectorAll('#app *')];
            const made = all.filter((one) =>
              /^(script|img|iframe|object|embed|style|base|form)$/i.test(one.tagName),
            );
            const handlers = all.filter((one) =>
              one.getAttributeNames().some((name) => name.startsWith('on')),
            );
            const links = all
              .flatMap((one) => one.getAttribute('href') ?? [])
              .filter((href) => !/^(#\/[a-z]|https?:)/.test(href));
            const unseen = /(?!\n|\t)[\p{Cc}\u202e\u2066]/u.test(document.body.innerText)
              ? ['unseen characters']
              : [];
            const executed = 'executed' in window ? [`executed ${String(window.executed)}`] : [];
            return [...made.map((one) => one.tagName), ...handlers.map((one) => one.outerHTML), ...links]
              .concat(unseen, executed)
              .map((one) => `${at}: ${one}`);
          }, place)),
        );
      }
      expect(found).to.deep.equal([]);
      expect(errors).to.deep.equal([]);
    });
  }

  it('are shown as they are', async () => {
    const { page } = await open({
      prepare: ({ data }) => {
        data.overview.problems = [problem({ title: CORPUS[0]!, detail: CORPUS[10]!, page: CORPUS[3]! })];
      },
    });
    await page.getByRole('heading', { name: CORPUS[0]! }).waitFor();
    await page.getByText('evil\\u202egnp.exe\\u2066\\u0000\\u001b[31m').waitFor();
    expect(await page.getByRole('link', { name: 'window.executed' }).count()).to.equal(0);
  });
});
