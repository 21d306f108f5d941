// What the primary knows of a project, as one text: its settings, and what its services declare. The primary
// reads this once, at its start, so `dev` starts the process anew when the text has changed. Code of services
// runs in workers only, which `dev` replaces; functions are therefore equal, whatever they do.
import { createHash } from 'node:crypto';
import { variablesSetSince } from '../../config/environment.js';
import { loadSettings } from '../../config/load.js';
import { loadProject, loadServices } from '../../worker/load-services.js';
import { shopNames } from '../../worker/shop-names.js';

export interface DefinitionOptions {
  /** The flags of the process. */
  readonly argv: readonly string[];
  /** Whether standard output of the process is a terminal. */
  readonly isTTY: boolean;
}

/**
 * Loads the project of the working directory. The modules stay loaded, so it is called once in a process.
 * @returns a text that is equal as long as the primary need not start anew
 * @throws ConfigError that names file and line for a project that cannot be loaded
 */
export async function readDefinition({ argv, isTTY }: DefinitionOptions): Promise<string> {
  const variablesSet = variablesSetSince();
  const loaded = await loadSettings({ argv, cwd: process.cwd(), isTTY, shop: shopNames });
  if (loaded.kind !== 'run') return loaded.kind;
  const { settings } = loaded;
  await loadServices(settings);
  const project = await loadProject(settings.configFile);
  // Workers inherit the variables that modules have set in the primary.
  const text = JSON.stringify(plain([settings, project.services, project.protos ?? null, variablesSet()]));
  return createHash('sha256').update(text).digest('base64');
}

type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** A copy that JSON can hold. @param around the objects that contain the value */
export function plain(value: unknown, around: readonly object[] = []): Plain {
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? value : String(value);
  if (around.includes(value)) return 'a circle';
  const within = [...around, value];
  if (value instanceof URL || value instanceof RegExp || value instanceof Date) return String(value);
  if (Array.isArray(value)) return value.map((item) => plain(item, within));
  if (value instanceof Map || value instanceof Set) return plain([...value], within);
  const prototype = Object.getPrototypeOf(value) as object | null;
  // An instance of a class of the project, such as a mounted application, is for workers.
  if (prototype !== null && prototype !== Object.prototype) return `an instance of ${value.constructor.name}`;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner, within)]));
}
