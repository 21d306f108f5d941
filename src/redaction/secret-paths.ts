// Masks the parts of paths that are values of parameters with the name of a secret, such as those of
// `/reset/{token}`. Logs and spans show paths of requests that no route has served as well: with another
// method, or with a typing error at the end. So a path is compared with all routes, and only up to the
// parameter. A mounted application has parameters of its own, whose names are not known here: behind its
// prefix, a part is masked that follows the name of a secret, or a word that usually precedes one.
import { isSecretName } from './secret-names.js';
import { CENSORED } from './secret-pairs.js';

/** The part of a path at one depth, below the same beginning. */
class Place {
  readonly statics = new Map<string, Place>();
  parameter: Place | undefined;
  /** One of the parameters here has the name of a secret. */
  isSecret = false;
  wildcard: Wildcard | undefined;
}

/**
 * What a wildcard stands for: `route`, the path of another one of these routes; `application`, a path within
 * a mounted application.
 */
type Wildcard = 'route' | 'application';

/** What precedes one in `/reset/…` or `/invite/…` is a secret, usually sent by mail. */
const BEFORE_SECRETS =
  /^(?:reset|verify|verification|confirm|confirmation|activate|invite|invitation|magic|unlock|recover|recovery)$/i;

export class SecretPaths {
  readonly #root = new Place();
  #hasSecrets = false;

  /**
   * @param template a route, `/reset/{token}`
   * @param wildcard what its wildcard stands for, if it matters
   */
  add(template: string, wildcard?: Wildcard): void {
    this.#hasSecrets ||= wildcard === 'application';
    let place = this.#root;
    for (const part of template.slice(1).split('/')) {
      if (part === '*') {
        place.wildcard ??= wildcard;
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
    let isMounted = false;
    for (let at = 1, before = ''; at < parts.length; at++) {
      const part = parts[at]!;
      if (place?.wildcard === 'route') place = this.#root;
      isMounted ||= place?.wildcard === 'application';
      const known: Place | undefined = place?.statics.get(part);
      const isUnknown = isMounted && place?.parameter === undefined && precedesSecret(before);
      if (known === undefined && part !== '' && (place?.isSecret === true || isUnknown)) parts[at] = CENSORED;
      place = known ?? place?.parameter;
      if (place === undefined && !isMounted) break;
      before = part;
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

const precedesSecret = (part: string): boolean => isSecretName(part) || BEFORE_SECRETS.test(part);

function staticOf(place: Place, text: string): Place {
  const child = place.statics.get(text) ?? new Place();
  place.statics.set(text, child);
  return child;
}
