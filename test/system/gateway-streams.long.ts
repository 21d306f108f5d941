import { streamThrough } from './gateway-streams.js';

describe('bodies through the gateway, at length', function () {
  this.timeout(1_200_000);

  it('pass in bounded memory: 1 GiB', () => streamThrough(1024));
});
