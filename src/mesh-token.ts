// The proof that a call comes from a cooperating process (MESH_TOKEN): a value for each called service. The
// secret itself is never sent, so a called instance learns nothing that gives access to another service.
import { createHmac } from 'node:crypto';

export const MESH_TOKEN_HEADER = 'x-mesh-token';

/** The HMAC-SHA-256 of a service's name, with the secret as the key. */
export const meshDigest = (secret: string, service: string): Buffer =>
  createHmac('sha256', secret).update(service).digest();

/**
 * Returns a function that gives the header field's value for a called service. Each value is computed once.
 */
export function meshTokens(secret: string): (service: string) => string {
  const values = new Map<string, string>();
  return (service) => {
    let value = values.get(service);
    if (value === undefined) {
      value = `${service}.${meshDigest(secret, service).toString('hex')}`;
      values.set(service, value);
    }
    return value;
  };
}
