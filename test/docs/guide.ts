// Guides: pages whose code blocks are one project. A block whose first line is a comment with a path is that
// file; a later block with the same path replaces it. An `http` block is requested from the project as it is
// at that place: `>` lines are sent, `<` lines must be in the response. In a response, `…` stands for any
// text, and `$NAME` for a text that later requests of the block send where they have `$NAME`.
import { transformSync } from 'esbuild';
import { type Turn, turnsOf } from './examples.js';

/** The guides, and the packages that their projects import beside `multilane`. */
export const GUIDES: Readonly<Record<string, readonly string[]>> = {
  'docs/authentication.md': ['jose'],
  'docs/behind-a-proxy.md': [],
  'docs/cpu.md': [],
  'docs/fetch-applications.md': ['@orpc/server', '@trpc/server', 'elysia', 'h3', 'hono', 'itty-router'],
  'docs/from-express.md': ['express'],
  'docs/from-fastify.md': ['fastify'],
  'docs/from-nestjs.md': [
    '@nestjs/common',
    '@nestjs/core',
    '@nestjs/platform-express',
    'class-validator',
    'class-transformer',
    'reflect-metadata',
    'rxjs',
  ],
  'docs/logging.md': [],
  'docs/static-files.md': [],
  'docs/uploads.md': [],
};

/** The requests of an `http` block, and the files of the project before it. */
export interface Scene {
  /** The heading above the block. */
  readonly title: string;
  readonly files: Readonly<Record<string, string>>;
  readonly turns: readonly Turn[];
}

export interface Guide {
  readonly scenes: readonly Scene[];
  /** All files of the page in their last form. */
  readonly files: Readonly<Record<string, string>>;
}

const BLOCK = /^```(\w+)\n([\s\S]*?)^```$|^#+ (.+)$/gm;
/** A comment of JavaScript, SQL, HTML, or a shell-like language that consists of a path. */
const NAME = /^(?:\/\/|--|<!--|#) ([\w./@-]+\.\w+|[\w./-]*\.env|Caddyfile|Dockerfile)(?: -->)?$/;

/** The path in the comment with which a block begins; undefined where it has none. */
export const blockName = (text: string): string | undefined => NAME.exec(text.split('\n')[0] ?? '')?.[1];

export function guideOf(page: string): Guide {
  const scenes: Scene[] = [];
  let files: Record<string, string> = {};
  let title = '';
  for (const [, language, text = '', heading] of page.matchAll(BLOCK)) {
    if (heading !== undefined) title = heading;
    else if (language === 'http') scenes.push({ title, files, turns: turnsOf(text) });
    else {
      const name = blockName(text);
      if (name !== undefined) files = { ...files, [name]: text };
    }
  }
  return { scenes, files };
}

/**
 * The files as every supported Node.js runs them: TypeScript without its types, under names that end in
 * `.js`.
 */
export function runnable(files: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, text] of Object.entries(files)) {
    if (!name.endsWith('.ts')) result[name] = text;
    else {
      const { code } = transformSync(text, { loader: 'ts', target: 'node20' });
      result[name.replace(/ts$/, 'js')] = code.replaceAll(/(['"]\.{1,2}\/[^'"\n]*)\.ts(['"])/g, '$1.js$2');
    }
  }
  return result;
}

/** The configuration of a page that shows none: all services that its files `service.js` export. */
export function withConfig(files: Record<string, string>): Record<string, string> {
  if (files['multilane.config.js'] !== undefined) return files;
  const services = Object.keys(files).filter((name) => /(?:^|\/)service\.js$/.test(name));
  const imports = services.map((name, n) => `import * as s${n} from './${name}';`);
  const lists = services.map((_, n) => `...Object.values(s${n})`);
  const config = `import { defineConfig } from 'multilane';\n${imports.join('\n')}
    export default defineConfig({ services: [${lists.join(', ')}] });\n`;
  return { ...files, 'multilane.config.js': config };
}

/** Texts that responses have shown under a name. */
export type Captured = Map<string, string>;

/** Puts captured texts into what is sent. */
export const filled = (text: string, captured: Captured): string =>
  text.replaceAll(/\$([A-Z]+)/g, (whole, name: string) => captured.get(name) ?? whole);

/** Whether a text is as the page shows it; captures its named parts. */
export function isAsShown(shown: string, text: string, captured: Captured): boolean {
  const names: string[] = [];
  const pattern = filled(shown, captured)
    .split(/(…|\$[A-Z]+)/)
    .map((part) => {
      if (part === '…') return '[\\s\\S]*?';
      if (!/^\$[A-Z]+$/.test(part)) return part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
      names.push(part.slice(1));
      return '([^;"\\s,]+)';
    })
    .join('');
  const found = new RegExp(`^${pattern}$`).exec(text);
  for (const [n, name] of names.entries()) if (found !== null) captured.set(name, found[n + 1]!);
  return found !== null;
}
