// Masks the parts of paths that are values of parameters with the name of a secret, such as those of
// `/reset/{token}`. Logs and spans show paths of requests that no route has served as well: with another
// method, or with a typing error at the end. So a path is compared with all routes, and only up to the
// parameter.
import { isSecretName } from './secret-names.js';
import { CENSORED } from './secret-pairs.js';

/** The part of a path at one depth, below the same beginning. */
class Place {
  readonly statics = new Map<string, Place>();
  parameter: Place | undefined;
  /** One of the parameters here has the name of a secret. */
  isSecret = false;
  /** What follows here is the path of another route. */
  isPrefix = false;
}

export class SecretPaths {
  readonly #root = new Place();
  #hasSecrets = false;

  /**
   * @param template a route, `/reset/{token}`
   * @param isPassedOn whether what its wildcard stands for is the path of another one of these routes
   */
  add(template: string, isPassedOn = false): void {
    let place = this.#root;
    for (const part of template.slice(1).split('/')) {
      if (part === '*') {
        place.isPrefix = isPassedOn;
        return;
      }
      place = part.startsWith('{') ? this.#parameterOf(place, part.slice(1, -1)) : staticOf(place, part);
    }
  }

  /** @param path without the query */
  mask(path: string): string {
    if (!this.#hasSecrets) return path;
    const parts = path.split('/');
    let place: Place | undefined = this.#root;
    for (let at = 1; at < parts.length && place !== undefined; at++) {
      const part = parts[at]!;
      if (place.isPrefix) place = this.#root;
      const known: Place | undefined = place.statics.get(part);
      if (known === undefined && place.isSecret && part !== '') parts[at] = CENSORED;
      place = known ?? place.parameter;
    }
    return parts.join('/');
  }

  #parameterOf(place: Place, name: string): Place {
    place.isSecret ||= isSecretName(name);
    this.#hasSecrets ||= place.isSecret;
    place.parameter ??= new Place();
    return place.parameter;
  }
}

function staticOf(place: Place, text: string): Place {
  const child = place.statics.get(text) ?? new Place();
  place.statics.set(text, child);
  return child;
}
