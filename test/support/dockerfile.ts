// Runs the steps of a Dockerfile in folders instead of images: each stage is a folder. `npm ci` links the
// packages, other npm commands run as they are, and commands of the base image's system do nothing.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { CLI, cleanEnvironment, ROOT } from './cluster.js';

/**
 * What stands in for `npm`: `ci` installs this build of the package, and the compiler unless `--omit=dev`.
 */
const NPM = (npm: string): string => `#!/bin/sh
case "$1" in
  ci)
    test -f package-lock.json || exit 1
    mkdir -p node_modules/.bin node_modules/@types
    ln -s ${ROOT} node_modules/multilane
    printf '#!/bin/sh\\nexec node ${CLI} "$@"\\n' > node_modules/.bin/multilane
    chmod +x node_modules/.bin/multilane
    test "$2" = --omit=dev && exit 0
    ln -s ${ROOT}/node_modules/typescript node_modules/typescript
    ln -s ${ROOT}/node_modules/@types/node node_modules/@types/node ;;
  cache) ;;
  *) exec ${npm} "$@" ;;
esac
`;

export interface Instruction {
  readonly name: string;
  readonly words: string;
}

interface Stage {
  readonly from: string;
  readonly folder: string;
  workdir: string;
}

/** The instructions of a Dockerfile, without comments, continued lines joined. */
export const instructionsOf = (text: string): readonly Instruction[] =>
  text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => /^(\w+) (.*)$/.exec(line)!)
    .map(([, name, words]) => ({ name: name!, words: words! }));

export class BuiltImage {
  readonly #root = mkdtempSync(join(tmpdir(), 'multilane-image-'));
  readonly #context: string;
  readonly #stages: Stage[] = [];
  readonly instructions: readonly Instruction[];

  /** @throws Error for a COPY of a file that does not exist, and for a command that fails */
  constructor(context: string) {
    this.#context = context;
    this.instructions = instructionsOf(readFileSync(join(context, 'Dockerfile'), 'utf8'));
    this.#writeCommands();
    for (const instruction of this.instructions) this.#run(instruction);
  }

  /** The working directory in the last stage. */
  get folder(): string {
    return this.#stages.at(-1)!.workdir;
  }

  /** The words of the last instruction of a name. */
  last(name: string): string | undefined {
    return this.instructions.findLast((instruction) => instruction.name === name)?.words;
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  #writeCommands(): void {
    const npm = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim();
    mkdirSync(join(this.#root, 'bin'));
    for (const [name, text] of [
      ['npm', NPM(npm)],
      ['install', '#!/bin/sh\n'],
    ] as const) {
      writeFileSync(join(this.#root, 'bin', name), text);
      chmodSync(join(this.#root, 'bin', name), 0o755);
    }
  }

  #run({ name, words }: Instruction): void {
    const stage = this.#stages.at(-1)!;
    if (name === 'FROM') {
      const folder = join(this.#root, `stage-${this.#stages.length}`);
      mkdirSync(folder);
      const [from = '', , as = ''] = words.split(' ');
      this.#stages.push({ from: as === '' ? from : as, folder, workdir: folder });
    } else if (name === 'WORKDIR') {
      stage.workdir = join(stage.folder, words);
      mkdirSync(stage.workdir, { recursive: true });
    } else if (name === 'RUN') {
      const env = cleanEnvironment({ PATH: `${join(this.#root, 'bin')}:${process.env.PATH}` });
      execFileSync('sh', ['-c', words], { cwd: stage.workdir, env, stdio: ['ignore', 'pipe', 'inherit'] });
    } else if (name === 'COPY') this.#copy(stage, words.split(' '));
  }

  #copy(stage: Stage, words: readonly string[]): void {
    const from = /^--from=(.*)$/.exec(words[0]!)?.[1];
    const source = this.#stages.find((one) => one.from === from)?.folder ?? this.#context;
    const [to, ...paths] = words.filter((word) => !word.startsWith('--')).reverse();
    for (const path of paths) {
      const whole = join(source, path);
      if (!existsSync(whole)) throw new Error(`COPY: there is no ${path}`);
      const isContext = path === '.';
      const target =
        to!.endsWith('/') && !isContext ? join(stage.workdir, to!, basename(path)) : join(stage.workdir, to!);
      const names = isContext ? this.#sent() : [''];
      for (const name of names)
        cpSync(join(whole, name), join(target, name), { recursive: true, verbatimSymlinks: true });
    }
  }

  /** What is sent to the builder: all that `.dockerignore` does not list. */
  #sent(): readonly string[] {
    const lines = readFileSync(join(this.#context, '.dockerignore'), 'utf8').trim().split('\n');
    const patterns = lines.map(
      (line) => new RegExp(`^${line.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`),
    );
    return readdirSync(this.#context).filter((name) => !patterns.some((pattern) => pattern.test(name)));
  }
}
