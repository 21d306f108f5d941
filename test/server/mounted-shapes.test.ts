// A function that makes an application, mounted in its place: every shape of its declaration is refused where
// its parameters show that, and every shape of a handler is accepted.
import { runInThisContext } from 'node:vm';
import { expect } from 'chai';
import type { NodeHandler } from '#src/server/handler.js';
import { parametersOf } from '#src/server/node-style.js';
import { bench } from './kit.js';

const DECLARATIONS: Readonly<Record<string, (parameters: string) => string>> = {
  'a function': (list) => `(function build(${list}) {})`,
  'a function without a name': (list) => `(function (${list}) {})`,
  'an asynchronous function': (list) => `(async function build(${list}) {})`,
  'a function with comments': (list) => `(function /* (a, b) */ build /* c */ (${list}) {})`,
  'an arrow function': (list) => `(${list}) => {}`,
  'an asynchronous arrow function': (list) => `async (${list}) => ({})`,
  'an arrow function that returns one': (list) => `(${list}) => (a, b) => {}`,
  'a method': (list) => `({ build(${list}) {} }).build`,
  'an asynchronous method': (list) => `({ async build(${list}) {} }).build`,
  'a method with a computed name': (list) => `({ ['bu' + ('ild')](${list}) {} }).build`,
  'a static method of a class': (list) => `(class { static build(${list}) {} }).build`,
};
/** By the number of parameters. */
const OF_FACTORIES: Readonly<Record<string, 0 | 1>> = {
  '': 0,
  '/* none, yet */': 0,
  options: 1,
  'options,': 1,
  'options = {}': 1,
  'options = { logger: false, trust: [1, 2] }': 1,
  '{ logger, database }': 1,
  '{ logger = false, database } = {}': 1,
  '{ at: { host, port = 1 } = {}, other }': 1,
  '[a, b] = []': 1,
  "name = 'a, b'": 1,
  "name = ')'": 1,
  'name = "a\\", b"': 1,
  'name = `a, ${1}`': 1,
  'options = Object.assign({}, null)': 1,
  'options = (a, b) => a': 1,
  '/* (the, options) */ options = {} // , more\n': 1,
};
const OF_HANDLERS = [
  'req, res',
  'req, res,',
  'req, res = null',
  'req = {}, res = {}',
  'req = Object(1), res',
  '{ url, headers }, res',
  '{ url, headers } = {}, { end } = {}',
  'req /* a) */, /* b */ res',
  'req, // a)\n res',
  'req, res, options',
  'req, ...rest',
  '...given',
  "req, res = ')'",
];

const declared = (declaration: string): NodeHandler => runInThisContext(declaration) as NodeHandler;
const mounting = (declaration: string) => () => bench((app) => app.mountNode('/', declared(declaration)));

describe('a function that is mounted', () => {
  for (const [shape, declarationOf] of Object.entries(DECLARATIONS)) {
    for (const [list, count] of Object.entries(OF_FACTORIES))
      it(`is refused as ${shape} (${JSON.stringify(list)}), which makes an application`, () => {
        const reason = count === 0 ? 'its function takes no parameters' : 'its function takes one parameter';
        expect(mounting(declarationOf(list))).to.throw(TypeError, reason);
      });
    for (const list of OF_HANDLERS)
      it(`is accepted as ${shape} (${JSON.stringify(list)})`, () => {
        mounting(declarationOf(list))();
      });
  }

  for (const declaration of ['options => {}', 'async options => {}', 'async => {}'])
    it(`is refused as an arrow function without parentheses: ${declaration}`, () => {
      expect(mounting(declaration)).to.throw(TypeError, 'its function takes one parameter');
    });

  it('shows the names of its parameters, without their defaults', () => {
    const names = (list: string) => parametersOf(declared(`(${list}) => {}`));
    expect(names('_req, res = null, next = () => (1, 2)')).to.deep.equal(['_req', 'res', 'next']);
    expect(names('{ a = 1 } = {}, ...rest')).to.deep.equal(['{ a = 1 } = {}', '...rest']);
    for (const hidden of ['(function (a, b) {}).bind(null)', 'Math.max', 'class { constructor(a) {} }'])
      expect(parametersOf(declared(`(${hidden})`)), hidden).to.equal(undefined);
  });
});
