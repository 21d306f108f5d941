// The files of the dashboard: small, complete, and without anything that its policy for content would refuse.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '#test/support/cluster.js';

const BUILT = join(ROOT, 'dist/dashboard');
const SOURCE = join(ROOT, 'dashboard');
const MOST_BYTES = 200 * 1024;

const built = (name: string): string => readFileSync(join(BUILT, name), 'utf8');

describe('the files of the dashboard', () => {
  it('are one page, one script, one style sheet, the icon and the licences', () => {
    expect(readdirSync(BUILT).sort()).to.deep.equal([
      'LICENSES.txt',
      'dashboard.css',
      'dashboard.js',
      'dashboard.svg',
      'index.html',
    ]);
  });

  it('have at most 200 KiB together', () => {
    const bytes = readdirSync(BUILT).map((name) => Buffer.byteLength(built(name)));
    expect(bytes.reduce((sum, one) => sum + one, 0)).to.be.below(MOST_BYTES);
  });

  it('name no other host', () => {
    const hosts = ['dashboard.css', 'dashboard.js', 'index.html'].flatMap((name) =>
      [...built(name).matchAll(/https?:\/\/[\w.]+/g)].map(([host]) => host),
    );
    // The names of XML namespaces are never fetched.
    expect(hosts.filter((host) => host !== 'http://www.w3.org')).to.deep.equal([]);
    expect(built('dashboard.css')).not.to.match(/@import|url\(/);
  });

  it('use nothing that only Node.js has', () => {
    expect(built('dashboard.js')).not.to.match(
      /\b(Buffer|setImmediate|require)\b|\bprocess\.(env|nextTick|on)\b/,
    );
  });

  it('have no inline script and no inline style', () => {
    expect(built('index.html')).not.to.match(/<style|style=|<script(?![^>]*src=)|\son\w+=/);
  });

  it('are made from sources that write texts as texts only', () => {
    const sources = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.tsx?$/.test(name),
    );
    const unsafe =
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|\beval\(|new Function|srcdoc/;
    expect(sources.length).to.be.above(40);
    expect(sources.filter((name) => unsafe.test(readFileSync(join(SOURCE, name), 'utf8')))).to.deep.equal([]);
  });
});
