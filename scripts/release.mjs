// Makes the tarball of a release and tries it, so that what is published is what was tested. It publishes only
// with --publish.
//   node scripts/release.mjs [--dry-run] [--publish]
//   --dry-run   reports what would stop a release, and goes on
//   --publish   runs `npm publish` on the tarball that was tried
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OPTIONS = ['--dry-run', '--publish'];

class Failure extends Error {}

function run(command, args, cwd = ROOT) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  throw new Failure(
    `${command} ${args.join(' ')} failed: ${error?.message ?? (stderr.trim() || stdout.trim())}`,
  );
}

/** The reasons against a release of this version, as sentences. */
export function obstacles({ version, changes, changelog, tags }) {
  const found = [];
  if (changes !== '') found.push(`The tree has changes that are not committed:\n${changes}`);
  if (tags.includes(`v${version}`))
    found.push(`The tag v${version} exists: raise the version in package.json.`);
  const dated = changelog.split('\n').some((line) => {
    const [name, date] = line.replace('## ', '').split(' - ');
    return line.startsWith('## ') && name === `[${version}]` && /^\d{4}-\d{2}-\d{2}$/.test(date ?? '');
  });
  if (!dated) found.push(`CHANGELOG.md has no section "## [${version}] - YYYY-MM-DD".`);
  return found;
}

/** Installs the tarball into an empty project, asks its command for the version, and sends a request. */
function tryTarball(file, version) {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-release-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    run('npm', ['install', '--no-audit', '--no-fund', file], folder);
    const printed = run(process.execPath, ['node_modules/multilane/dist/cli.js', '--version'], folder);
    if (printed !== version) throw new Failure(`the tarball prints version ${printed}, not ${version}`);
    const code = `
      import { defineService } from 'multilane';
      import { createTestApp } from 'multilane/testing';
      const tried = defineService({ name: 'tried', routes: (app) => { app.get('/', () => 'it works'); } });
      const app = await createTestApp({ services: [tried] });
      console.log((await app.inject({ path: '/' })).text());
      await app.close();`;
    const answer = run(process.execPath, ['--input-type=module', '--eval', code], folder);
    if (answer !== 'it works') throw new Failure(`a request to the installed package got ${answer}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function release(args) {
  const unknown = args.find((arg) => !OPTIONS.includes(arg));
  if (unknown !== undefined)
    throw new Failure(`unknown option ${unknown}; there are ${OPTIONS.join(' and ')}`);
  const isDry = args.includes('--dry-run');
  if (isDry && args.includes('--publish')) throw new Failure('--dry-run publishes nothing: omit --publish');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const found = obstacles({
    version,
    changes: run('git', ['status', '--porcelain']),
    changelog: readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'),
    tags: run('git', ['tag', '--list']).split('\n'),
  });
  if (found.length > 0 && !isDry) throw new Failure(found.join('\n'));
  for (const one of found) console.log(`Would stop a release: ${one}`);
  const target = mkdtempSync(join(tmpdir(), 'multilane-tarball-'));
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', target]));
  const file = join(target, filename);
  tryTarball(file, version);
  const sum = createHash('sha512').update(readFileSync(file)).digest('base64');
  const commit = run('git', ['rev-parse', 'HEAD']);
  const notes = `${filename}\nsha512-${sum}\ncommit ${commit}\nnode ${process.version}\n`;
  writeFileSync(`${file}.txt`, notes);
  console.log(`${notes}tried: installed, and a request was served\n${file}`);
  if (isDry) rmSync(target, { recursive: true });
  if (args.includes('--publish')) run('npm', ['publish', file]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    release(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`release: ${error.message}\n`);
    process.exitCode = 1;
  }
}
