// The proof that a call comes from a cooperating process (MESH_TOKEN, CONTRACT section 2): a value of its own
// for every called service. The secret is never sent, so an instance that is called learns nothing that opens
// another service.
import { createHmac } from 'node:crypto';

export const MESH_TOKEN_HEADER = 'x-mesh-token';

/** The HMAC-SHA-256 of a service's name, with the secret as the key. */
export const meshDigest = (secret: string, service: string): Buffer =>
  createHmac('sha256', secret).update(service).digest();

/** Returns the field's value for a called service; each value is computed once. */
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
