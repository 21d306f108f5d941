// The redaction of secrets must leave what this code itself says: a message that tells a client what to send
// is of no use when that part of it is masked.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { shortText } from '#src/redaction/shown-text.js';
import { textsIn } from '#test/support/source-texts.js';

function* sources(): Generator<string> {
  for (const entry of readdirSync('src', { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && path.endsWith('.ts')) yield path;
  }
}

describe('the redaction of secrets', () => {
  it('changes no fixed text of the messages of this code', () => {
    const changed = [...sources()].flatMap((path) =>
      textsIn(readFileSync(path, 'utf8'))
        .filter(({ text }) => / /.test(text) && shortText(text) !== text)
        .map(({ line, text }) => `${path}:${line}: ${shortText(text)}`),
    );
    expect(changed).to.deep.equal([]);
  });

  it('is compared with all texts: joined ones, templates, and what constants of the file add to them', () => {
    const code = [
      "const SEND = 'send it as \"x\"'; // 'no text'",
      'const quotes = /["\'`]/;',
      "throw new Error('a ' +",
      `  \`token: \${SEND}, \${list.map((one) => \`\${one}\`)}\`);`,
    ].join('\n');
    expect(textsIn(code)).to.deep.equal([
      { line: 1, text: 'send it as "x"' },
      { line: 4, text: 'undefined' },
      { line: 3, text: 'a token: send it as "x", undefined' },
    ]);
  });
});
