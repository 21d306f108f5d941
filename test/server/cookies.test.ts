import { expect } from 'chai';
import { bench } from './kit.js';

describe('cookies', () => {
  it('are read by name and decoded, the first of each name, as members of an object without a prototype', async () => {
    const { inject } = bench((app) => {
      app.get('/', (ctx) => {
        return { ...ctx.cookies, inherits: 'toString' in ctx.cookies };
      });
    });
    const cookie = 'a=1; b=%C3%BC; a=2; c="q"; __proto__=x; bad=%zz';
    expect((await inject({ url: '/', headers: { cookie } })).text()).to.equal(
      '{"a":"1","b":"ü","c":"\\"q\\"","__proto__":"x","bad":"%zz","inherits":false}',
    );
    expect((await inject({ url: '/' })).text()).to.equal('{"inherits":false}');
  });

  it('are safe by default, and follow their options', async () => {
    const { inject } = bench((app) => {
      app.get('/', (ctx) =>
        ctx
          .cookie('sid', 'a b')
          .cookie('theme', 'dark', {
            httpOnly: false,
            secure: false,
            sameSite: 'strict',
            path: '/ui',
            maxAge: 60,
          })
          .cookie('__Host-x', '1', { sameSite: 'none', partitioned: true })
          .cookie('old', '', { maxAge: 0, domain: 'example.org' })
          .text(''),
      );
    });
    expect((await inject({ url: '/' })).headers['set-cookie']?.split('\n')).to.deep.equal([
      'sid=a%20b; Path=/; HttpOnly; Secure; SameSite=Lax',
      'theme=dark; Max-Age=60; Path=/ui; SameSite=Strict',
      '__Host-x=1; Path=/; HttpOnly; Secure; Partitioned; SameSite=None',
      'old=; Max-Age=0; Domain=example.org; Path=/; HttpOnly; Secure; SameSite=Lax',
    ]);
  });

  it('are set once by name: the last value counts, and cookies with similar names stay', async () => {
    const { inject } = bench((app) => {
      app.get('/', (ctx) =>
        ctx.cookie('ab', '1').cookie('a', '1').header('x-y', 'z').cookie('a', '2').text(''),
      );
    });
    const { headers } = await inject({ url: '/' });
    expect(headers['set-cookie']?.split('\n').map((line) => line.split(';')[0])).to.deep.equal([
      'ab=1',
      'a=2',
    ]);
    expect(headers['x-y']).to.equal('z');
  });

  for (const [what, name, value, options] of [
    ['a name with a space', 'a b', '', {}],
    ['a name that is no text', 1 as never, '', {}],
    ['a lifetime as a text', 'a', '', { maxAge: '5' as never }],
    ['a time that is no date', 'a', '', { expires: new Date(Number.NaN) }],
    ['a domain with a path', 'a', '', { domain: 'example.org/x' }],
    ['a line break in a path', 'a', '', { path: '/\r\nx' }],
    ['a __Host- cookie of a domain', '__Host-a', '', { domain: 'example.org' }],
    ['a __Host- cookie of a path', '__Host-a', '', { path: '/a' }],
    ['a __Secure- cookie that is not', '__Secure-a', '', { secure: false }],
    ['one for other sites without TLS', 'a', '', { sameSite: 'none', secure: false }],
    ['a partitioned cookie without TLS', 'a', '', { partitioned: true, secure: false }],
    ['one that no browser keeps', 'a', 'x'.repeat(4096), {}],
  ] as const) {
    it(`cannot be ${what}`, async () => {
      const { inject, logs } = bench((app) => {
        app.get('/', (ctx) => ctx.cookie(name, value, options).text(''));
      });
      const { status, headers } = await inject({ url: '/' });
      expect([status, headers['set-cookie']]).to.deep.equal([500, undefined]);
      expect((logs[0]!.err as { type: string }).type).to.equal('TypeError');
    });
  }
});
