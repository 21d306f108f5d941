import { expect } from 'chai';
import fc from 'fast-check';
import { parsePattern } from '#src/server/routing/pattern.js';
import { MAX_EXPRESSION_CHARS, Router } from '#src/server/routing/router.js';
import { thrownBy } from './kit.js';

function routerOf(...patterns: string[]): Router<string> {
  const router = new Router<string>();
  for (const pattern of patterns) router.add('GET', pattern, pattern);
  return router;
}

describe('router', () => {
  it('finds a path without parameters, and only this path', () => {
    const router = routerOf('/', '/api/users', '/api/users/me');
    expect(router.find('GET', '/api/users')?.value).to.equal('/api/users');
    expect(router.find('GET', '/')?.value).to.equal('/');
    for (const path of ['/api', '/api/users/', '/api//users', '/API/users', 'api/users', '']) {
      expect(router.find('GET', path), path).to.equal(undefined);
    }
  });

  it('returns decoded parameters on an object without a prototype', () => {
    const params = routerOf('/u/:id/f/:name').find('GET', '/u/7/f/a%2Fb%20%C3%BC')?.params;
    expect(Object.getPrototypeOf(params)).to.equal(null);
    expect({ ...params }).to.deep.equal({ id: '7', name: 'a/b ü' });
  });

  it('treats a parameter called __proto__ like any other', () => {
    const params = routerOf('/u/:__proto__').find('GET', '/u/x')?.params;
    expect(Object.entries(params ?? {})).to.deep.equal([['__proto__', 'x']]);
  });

  it('prefers static text, then an expression, then a parameter, then the wildcard', () => {
    const router = routerOf('/a/*', '/a/:any', '/a/:n(\\d+)', '/a/me');
    const found = (path: string) => router.find('GET', path)?.value;
    expect(found('/a/me')).to.equal('/a/me');
    expect(found('/a/42')).to.equal('/a/:n(\\d+)');
    expect(found('/a/42x')).to.equal('/a/:any');
    expect(found('/a/b/c')).to.equal('/a/*');
    expect(found('/a/')).to.equal('/a/*');
    expect(found('/a')).to.equal(undefined);
  });

  it('leaves a branch that leads to no route', () => {
    const router = routerOf('/a/me/x', '/a/:id/y', '/:top/me/z');
    expect(router.find('GET', '/a/me/y')?.params.id).to.equal('me');
    expect(router.find('GET', '/a/me/z')?.params.top).to.equal('a');
  });

  it('leaves a branch whose routes have other methods', () => {
    const router = new Router<string>();
    router.add('GET', '/u/me', 'own');
    router.add('DELETE', '/u/:id', 'any');
    expect(router.find('DELETE', '/u/me')?.params.id).to.equal('me');
    expect([...router.methods('/u/me')]).to.deep.equal([
      ['GET', 'own'],
      ['DELETE', 'any'],
    ]);
  });

  it('names the methods of a path by how specific their routes are, not by when they were added', () => {
    const router = new Router<string>();
    router.add('GET', '/*', 'rest');
    router.add('PUT', '/o/:id', 'parameter');
    router.add('POST', '/o/text', 'text');
    router.add('PUT', '/*', 'rest');
    expect([...router.methods('/o/text')]).to.deep.equal([
      ['POST', 'text'],
      ['PUT', 'parameter'],
      ['GET', 'rest'],
    ]);
  });

  it('matches the whole rest with a wildcard and no empty segment with a parameter', () => {
    const router = routerOf('/files/*', '/u/:id');
    expect(router.find('GET', '/files/a/../b%20c')?.params['*']).to.equal('a/../b c');
    expect(router.find('GET', '/u/')).to.equal(undefined);
  });

  it('names parameters by the route that matched', () => {
    const router = new Router<string>();
    router.add('GET', '/u/:id', 'a');
    router.add('GET', '/u/:user/orders', 'b');
    expect({ ...router.find('GET', '/u/1/orders')?.params }).to.deep.equal({ user: '1' });
  });

  it('refuses a parameter that is not valid percent-encoded UTF-8', () => {
    for (const path of ['/u/%', '/u/%zz', '/u/%C3', '/u/%ff']) {
      const error = thrownBy(() => routerOf('/u/:id').find('GET', path));
      expect(error?.code, path).to.equal('MALFORMED_REQUEST');
    }
  });

  it('refuses a route that is already registered, naming both', () => {
    const router = routerOf('/u/:id');
    expect(() => router.add('GET', '/u/:name', '')).to.throw(
      TypeError,
      'GET /u/:name is already registered as GET /u/:id',
    );
    expect(() => router.add('POST', '/u/:name', '')).to.not.throw();
  });

  it('finds the route that does not yield of two with one pattern, whichever was added first', () => {
    for (const order of [
      [true, false],
      [false, true],
    ]) {
      const router = new Router<string>();
      for (const yields of order) router.add('GET', '/a', yields ? 'yields' : 'stays', yields);
      router.add('POST', '/a', 'other', true);
      expect(router.find('GET', '/a')?.value).to.equal('stays');
      expect(router.find('POST', '/a')?.value).to.equal('other');
      expect(() => router.add('GET', '/a', '')).to.throw(TypeError, 'already registered');
      expect(() => router.add('POST', '/a', '', true)).to.throw(TypeError, 'already registered');
    }
  });

  for (const pattern of [
    '',
    'a',
    '/a b',
    '/ü',
    '/a?b',
    '/*/a',
    '/a*',
    '/:',
    '/:1a',
    '/:a.pdf',
    '/:a(',
    '/:a([)',
    '/:a(x/y)',
    '/:a/:a',
    '/%zz',
  ]) {
    it(`refuses the pattern ${JSON.stringify(pattern)}, naming it`, () => {
      expect(() => routerOf(pattern)).to.throw(TypeError, `bad route pattern ${JSON.stringify(pattern)}`);
    });
  }

  for (const source of ['(a|a)*', '(a+)+', '(\\w+\\s?)*', 'a*a*', '.*a.*b.*c', '([a-z]{1,40}){1,40}!']) {
    it(`refuses the expression ${source}, which would not end on some texts`, () => {
      expect(() => routerOf(`/:a(${source})`)).to.throw(TypeError, 'catastrophic backtracking');
    });
  }

  it('accepts expressions whose cost is linear in the text', () => {
    const router = routerOf(
      '/a/:id(\\d+)',
      '/b/:slug([a-z0-9]+(?:-[a-z0-9]+)*)',
      '/c/:uuid([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})',
      '/d/:image([\\w.-]+\\.(?:png|jpe?g))',
      '/e/:day(\\d{4}-\\d{2}-\\d{2})',
      '/f/:locale([a-z]{2}(?:-[A-Z]{2})?)',
    );
    expect(router.find('GET', '/b/a-long-slug-2')?.params.slug).to.equal('a-long-slug-2');
    expect(router.find('GET', '/d/cat.in.hat.jpeg')?.params.image).to.equal('cat.in.hat.jpeg');
    expect(router.find('GET', '/f/de-AT')?.params.locale).to.equal('de-AT');
  });

  it('matches no expression with text longer than 512 characters', () => {
    const router = routerOf('/:digits(\\d+)', '/:any');
    const found = (length: number) => router.find('GET', `/${'7'.repeat(length)}`)?.value;
    expect(found(MAX_EXPRESSION_CHARS)).to.equal('/:digits(\\d+)');
    expect(found(MAX_EXPRESSION_CHARS + 1)).to.equal('/:any');
  });

  it('makes templates for metrics and spans', () => {
    expect(parsePattern('/api/:id(\\d+)/x/*').template).to.equal('/api/{id}/x/*');
  });

  it('takes as many steps among ten thousand routes as among ten', () => {
    let compared = 0;
    // This counts the nodes in which a segment is looked up.
    const { value: get } = Object.getOwnPropertyDescriptor(Map.prototype, 'get') as {
      value: (this: Map<unknown, unknown>, key: unknown) => unknown;
    };
    const visits = (routes: number): number => {
      const router = new Router<number>();
      for (let i = 0; i < routes; i++) router.add('GET', `/r${i}/:id/x`, i);
      compared = 0;
      Map.prototype.get = function (this: Map<unknown, unknown>, key: unknown) {
        compared++;
        return get.call(this, key);
      };
      try {
        router.find('GET', '/r7/1/x');
      } finally {
        Map.prototype.get = get;
      }
      return compared;
    };
    expect(visits(10_000)).to.equal(visits(10));
  });

  it('finds the same route as a search through all routes', () => {
    const segment = fc.constantFrom('a', 'b', ':p', ':q(a|c)', ':r(b)');
    const pattern = fc
      .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([segments, wild]) => named([...segments, ...(wild ? ['*'] : [])]));
    const path = fc
      .array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 5 })
      .map((segments) => `/${segments.join('/')}`);
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 12 }), path, (patterns, wanted) => {
        const router = new Router<string>();
        const added = patterns.filter((text) => thrownBy(() => router.add('GET', text, text)) === undefined);
        expect(router.find('GET', wanted)?.value).to.equal(searched(added, wanted));
      }),
      { numRuns: 500 },
    );
  });
});

/** Gives each parameter of a pattern a name of its own. */
const named = (segments: readonly string[]): string =>
  `/${segments.map((text, i) => text.replace(/^:\w/, `:p${i}`)).join('/')}`;

/** Implements the rule as it is documented: it ranks every route that matches, segment by segment. */
function searched(patterns: readonly string[], path: string): string | undefined {
  const texts = path.slice(1).split('/');
  const expressions: string[] = [];
  const ranked = patterns.flatMap((pattern) => {
    const rank: number[] = [];
    const segments = pattern.slice(1).split('/');
    for (const [i, segment] of segments.entries()) {
      const text = texts[i];
      if (segment === '*') return text === undefined ? [] : [{ pattern, rank: [...rank, 1e6] }];
      if (text === undefined) return [];
      const source = /\((.*)\)/.exec(segment)?.[1];
      if (source !== undefined) {
        const at = `${segments.slice(0, i).map(shape).join('/')}/${source}`;
        if (!expressions.includes(at)) expressions.push(at);
        if (!new RegExp(`^(?:${source})$`).test(text)) return [];
        rank.push(1 + expressions.indexOf(at));
      } else if (segment.startsWith(':')) {
        if (text === '') return [];
        rank.push(1e5);
      } else {
        if (segment !== text) return [];
        rank.push(0);
      }
    }
    return segments.length === texts.length ? [{ pattern, rank }] : [];
  });
  ranked.sort((a, b) => {
    const i = a.rank.findIndex((value, at) => value !== b.rank[at]);
    return i === -1 ? 0 : a.rank[i]! - (b.rank[i] ?? 0);
  });
  return ranked[0]?.pattern;
}

const shape = (segment: string): string => segment.replace(/^:\w+/, ':');
