// Examples of a page: a `js` block that declares routes, and the `http` block after it, in which `>` lines
// are the request and `<` lines the expected response.
import { expect } from 'chai';
import type { TestApp } from '#src/testing.js';

export interface Turn {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly status: number;
  /** The response header fields that the page shows. */
  readonly fields: Readonly<Record<string, string>>;
  readonly response: string | undefined;
}

export interface Example {
  /** The heading above the example. */
  readonly title: string;
  readonly code: string;
  readonly turns: readonly Turn[];
}

/** A response of an app or of a test bench. */
interface Told {
  readonly status: number;
  readonly headers: object;
  text(): string;
}

/** Sends the requests in order, and asserts that each gets the response that the page shows. */
export async function expectAnswers(
  turns: readonly Turn[],
  ask: (turn: Turn) => Promise<Told>,
): Promise<void> {
  for (const turn of turns) {
    const { method, url, status, fields, response } = turn;
    const told = await ask(turn);
    const what = `${method} ${url}: ${told.text()}`;
    expect(told.status, what).to.equal(status);
    expect(told.headers, what).to.include(fields);
    if (response !== undefined) expect(told.text(), what).to.equal(response);
  }
}

/** Sends requests to an app that `withApp` runs. */
export const askIn =
  (app: Pick<TestApp, 'inject'>) =>
  ({ method, url, headers, body }: Turn): Promise<Told> =>
    app.inject({ method, path: url, headers, ...(body && { body }) });

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

export function turnsOf(http: string): readonly Turn[] {
  return [...http.matchAll(/((?:^>.*\n)+)((?:^<.*\n)+)/gm)].map(([, sent = '', told = '']) => {
    const [request = '', ...more] = linesOf(sent);
    const [method = '', url = ''] = request.split(' ');
    const [status = '', ...rest] = linesOf(told);
    const { fields: headers, body } = message(more);
    const { fields, body: response } = message(rest);
    return { method, url, headers, body, status: Number(status), fields, response };
  });
}

const linesOf = (block: string): string[] =>
  block
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^[<>] ?/, ''));

/** Parses header fields and, after an empty line, the body, in which `\r\n` is written out. */
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
