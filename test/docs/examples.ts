// Examples of a page: a block of `js` that declares routes, and the block of `http` behind it, in which `>` is sent
// and `<` must come back.

export interface Turn {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly status: number;
  /** Those that the page shows. */
  readonly fields: Readonly<Record<string, string>>;
  readonly answer: string | undefined;
}

export interface Example {
  /** The heading it stands under. */
  readonly title: string;
  readonly code: string;
  readonly turns: readonly Turn[];
}

export function examplesOf(page: string): readonly Example[] {
  const found: Example[] = [];
  for (const section of page.split(/^## /m).slice(1)) {
    const title = section.slice(0, section.indexOf('\n'));
    for (const [, code = '', http = ''] of section.matchAll(
      /^```js\n([\s\S]*?)^```\n```http\n([\s\S]*?)^```$/gm,
    )) {
      found.push({ title, code, turns: turnsOf(http) });
    }
  }
  return found;
}

function turnsOf(http: string): readonly Turn[] {
  return [...http.matchAll(/((?:^>.*\n)+)((?:^<.*\n)+)/gm)].map(([, sent = '', told = '']) => {
    const [request = '', ...more] = linesOf(sent);
    const [method = '', url = ''] = request.split(' ');
    const [status = '', ...rest] = linesOf(told);
    const { fields: headers, body } = message(more);
    const { fields, body: answer } = message(rest);
    return { method, url, headers, body, status: Number(status), fields, answer };
  });
}

const linesOf = (block: string): string[] =>
  block
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^[<>] ?/, ''));

/** Fields, and behind an empty line the body, in which `\r\n` is written out. */
function message(lines: readonly string[]): { fields: Record<string, string>; body: string | undefined } {
  const end = lines.indexOf('');
  const fields = Object.fromEntries(
    (end === -1 ? lines : lines.slice(0, end)).map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    }),
  );
  const body =
    end === -1
      ? undefined
      : lines
          .slice(end + 1)
          .join('\n')
          .replaceAll('\\r\\n', '\r\n');
  return { fields, body };
}
