// The owner lock's entries as files, `owner-<generation>.json`. link(2) makes one appear whole, for one of several.
import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Owner, OwnerEntries } from './owner-election.js';

const FILE = /^owner-(\d+)\.json$/;

export class OwnerFiles implements OwnerEntries {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async generations(): Promise<number[]> {
    const generations = (await readdir(this.#folder)).flatMap((name) => FILE.exec(name)?.[1] ?? []);
    return generations.map(Number).sort((a, b) => a - b);
  }

  async read(generation: number): Promise<Owner | undefined> {
    try {
      return JSON.parse(await readFile(this.#path(generation), 'utf8')) as Owner;
    } catch (error) {
      // Removed by a newer owner, or damaged: nobody's.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError)
        return undefined;
      throw error;
    }
  }

  async create(owner: Owner): Promise<boolean> {
    const draft = await this.#draft(owner);
    try {
      await link(draft, this.#path(owner.generation));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  async replace(owner: Owner): Promise<void> {
    await rename(await this.#draft(owner), this.#path(owner.generation));
  }

  async remove(generation: number): Promise<void> {
    await rm(this.#path(generation), { force: true });
  }

  async #draft(owner: Owner): Promise<string> {
    const draft = join(this.#folder, `.owner-${randomUUID()}`);
    await writeFile(draft, `${JSON.stringify(owner)}\n`, { mode: 0o600, flush: true });
    return draft;
  }

  #path(generation: number): string {
    return join(this.#folder, `owner-${generation}.json`);
  }
}
