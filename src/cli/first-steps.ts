// What `multilane` without a command prints before its help, in a folder without a project.
import { defaultConfigFile } from '../config/config-file.js';
import { ConfigError } from '../errors.js';

const TEXT = `There is no project in this folder (no multilane.config.ts, .js, .mjs or .json).
First steps:

  multilane new shop      write a new project into the folder shop
  multilane start --demo  run the reference shop, which needs no project
`;

/** @returns the empty text in the folder of a project */
export function firstSteps(cwd: string): string {
  return hasProject(cwd) ? '' : TEXT;
}

function hasProject(cwd: string): boolean {
  try {
    return defaultConfigFile(cwd) !== undefined;
  } catch (error) {
    // Several files are a project too, whose commands report which ones.
    if (error instanceof ConfigError) return true;
    throw error;
  }
}
