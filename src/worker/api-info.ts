// What the OpenAPI document says of the API as a whole: the member `openapi` of the configuration, and for
// what it omits, the package.json of the project.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Settings } from '../config.js';
import type { OpenApiOptions } from '../openapi-options.js';
import type { ApiInfo } from '../server/docs/described-api.js';
import { shopApi } from '../services/shop-api.js';

type ApiSettings = Pick<Settings, 'configFile' | 'openapi' | 'rateLimit'>;

/**
 * @param services the names of the mounted services
 * @returns a function that reads the package.json when it is first called
 */
export function apiInfo(settings: ApiSettings, services: readonly string[]): () => ApiInfo {
  let info: ApiInfo | undefined;
  return () => {
    info ??= readInfo(settings, services);
    return info;
  };
}

function readInfo({ configFile, openapi, rateLimit }: ApiSettings, services: readonly string[]): ApiInfo {
  // Without a file, the reference shop is mounted.
  const found = configFile === undefined ? shopApi : packageOf(dirname(configFile));
  const title = services.join(', ');
  const given = openapi === false ? {} : openapi;
  return {
    version: '1',
    ...found,
    ...given,
    title: given.title ?? found.title ?? (title || 'API'),
    isRateLimited: rateLimit !== null,
  };
}

/** The nearest package.json describes the project. One that cannot be read describes nothing. */
function packageOf(folder: string): OpenApiOptions {
  let text: string;
  try {
    text = readFileSync(join(folder, 'package.json'), 'utf8');
  } catch {
    const above = dirname(folder);
    return above === folder ? {} : packageOf(above);
  }
  try {
    const { name, version, description, license } = JSON.parse(text) as Record<string, unknown>;
    return {
      ...(isFilled(name) && { title: name }),
      ...(isFilled(version) && { version }),
      ...(isFilled(description) && { description }),
      ...(isFilled(license) && isSpdx(license) && { license: { name: license, identifier: license } }),
    };
  } catch {
    return {};
  }
}

const isFilled = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** npm writes `UNLICENSED` and `SEE LICENSE IN …` where there is no identifier of SPDX. */
const isSpdx = (license: string): boolean =>
  license !== 'UNLICENSED' && /^[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*$/.test(license);
