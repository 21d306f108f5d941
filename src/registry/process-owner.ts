// How a process proves to another one, whose registry it shares, that it is the owner of what it has
// announced there. All see the names of owners; the secret is sent to that process only. Names begin with a
// digest of the secret: so no other process can take the name, also while that process does not know it yet.
import { createHash } from 'node:crypto';

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

/** @param name no other process with this secret has the same */
export const ownerOf = (secret: string, name: string): string => `${digestOf(secret)}.${name}`;

/** Whether a request with this secret may be one of this owner. */
export const isOwner = (owner: string, secret: string): boolean => owner.startsWith(`${digestOf(secret)}.`);

/** Whether two owners have the same secret, so that they trust each other. */
export const isOfSameSecret = (owner: string, other: string): boolean => familyOf(owner) === familyOf(other);

const familyOf = (owner: string): string => owner.slice(0, owner.indexOf('.'));
