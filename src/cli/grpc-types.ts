// Writes the types of the messages and methods of a project's .proto files.
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Settings } from '../config.js';
import { errorMessage } from '../error-text.js';
import { ConfigError } from '../errors.js';
import { loadDefinitions } from '../grpc/load-proto.js';
import { typeText } from '../grpc/type-text.js';
import { makeFolder } from '../process/make-folder.js';
import { loadProject } from '../worker/load-services.js';
import { projectProtos } from '../worker/project-protos.js';
import { CommandFailure } from './command-failure.js';

/**
 * @returns lines about what was written
 * @throws ConfigError for a project without .proto files, and for a wrong one; CommandFailure when a file
 *   cannot be written
 */
export async function writeTypes(
  settings: Pick<Settings, 'configFile'>,
  folder: string,
): Promise<readonly string[]> {
  const protos = projectProtos(await loadProject(settings.configFile));
  if (protos.size === 0)
    throw new ConfigError(
      'no service of the project has .proto files: declare grpc.proto of a service, or protos',
    );
  const texts: [path: string, text: string][] = [];
  for (const [service, files] of [...protos].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { services } = await loadDefinitions(files).catch((cause: Error) => {
      throw new ConfigError(`service "${service}": ${cause.message}`, { cause });
    });
    texts.push([join(folder, `${service}.d.ts`), typeText(service, services)]);
  }
  try {
    await makeFolder(resolve(folder));
    for (const [path, text] of texts) await writeFile(path, text);
  } catch (error) {
    throw new CommandFailure(`${folder} cannot be written: ${errorMessage(error)}`);
  }
  return texts.map(([path]) => `${path} written`);
}
