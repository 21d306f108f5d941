// Responses of which an object, or a class that extends `Response`, has other members. What code sees of them
// is sent, and a clone has what the standard's class keeps.

const OTHERS: [string, string][] = [
  ['content-type', 'text/x-other'],
  ['x-b', '2'],
];

/** A class with one member of its own. */
function classWith(member: string, get: (this: Response) => unknown): typeof Response {
  class Own extends Response {}
  Object.defineProperty(Own.prototype, member, { get, configurable: true });
  // The member is inherited.
  return class extends Own {};
}
const objectWith = (member: string, value: unknown): Response =>
  Object.defineProperty(new Response('x', { headers: { 'x-a': '1' } }), member, { value });

export const OVERRIDDEN: Readonly<Record<string, () => Response | Promise<Response>>> = {
  'an object with a status of its own': () => objectWith('status', 404),
  'an object with fields of its own': () => objectWith('headers', new Headers(OTHERS)),
  'an object with fields of a map': () => objectWith('headers', new Map(OTHERS)),
  'an object with a body of its own': () => objectWith('body', new Response('other').body),
  'a class with a status of its own': () => new (classWith('status', () => 404))('x'),
  'a class with fields of its own': () =>
    new (classWith('headers', () => new Headers(OTHERS)))('x', { headers: { 'x-a': '1' } }),
  'a class with a body of its own': () => new (classWith('body', () => new Response('other').body))('x'),
  'a class that adds a field when it is read': () => {
    const inherited = Object.getOwnPropertyDescriptor(Response.prototype, 'headers')!;
    const Own = classWith('headers', function () {
      const headers = inherited.get!.call(this) as Headers;
      headers.set('x-b', '2');
      return headers;
    });
    return new Own('x', { headers: { 'x-a': '1' } });
  },
  'a class that changes nothing that is sent': () => {
    const Own = classWith('ok', () => false);
    return Object.assign(new Own('x', { status: 201, headers: { 'x-a': '1' } }), { note: 'own' });
  },
  'clones of those with other members': async () => {
    const seen = [];
    for (const response of [
      objectWith('status', 404),
      objectWith('headers', new Headers(OTHERS)),
      new (classWith('status', () => 404))('x', { headers: { 'x-a': '1' } }),
      new (classWith('headers', () => new Headers(OTHERS)))('x', { headers: { 'x-a': '1' } }),
      new (classWith('headers', () => new Headers(OTHERS)))(new Blob(['x'], { type: 'x/y' })),
    ]) {
      const clone = response.clone();
      const isPlain = Object.getPrototypeOf(clone) === Response.prototype;
      seen.push([clone.status, [...clone.headers], clone.type, isPlain, (await response.blob()).type]);
    }
    const listed = new Response('x', { headers: { 'x-a': '1' } });
    Object.defineProperty(listed.headers, Symbol.iterator, { value: () => [][Symbol.iterator]() });
    return Response.json([...seen, [...listed.clone().headers]]);
  },
};
