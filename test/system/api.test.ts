// How the data plane describes itself, and how it counts the requests that it has rejected.

import { Validator } from '@seriousme/openapi-schema-validator';
import { expect } from 'chai';
import { get, json, post } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { useSharedShop } from './shop.js';

describe('the API of the shop', () => {
  const shop = useSharedShop();

  it('is described by a valid OpenAPI document of everything that is mounted', async () => {
    const document = await json<Record<string, unknown>>(await get(`${shop.url}/openapi.json`));
    const { valid, errors } = await new Validator().validate(document);
    expect([valid, errors]).to.deep.equal([true, undefined]);
    expect(document.paths).to.include.keys(
      '/health',
      '/api/users/{id}',
      '/api/orders',
      '/api/checkout/{sagaId}',
    );
    expect(document.paths).to.not.include.keys('/internal/users/undo');
  });

  it('is shown by a page that loads nothing from other hosts', async () => {
    const page = await get(`${shop.url}/docs`);
    expect(page.headers.get('content-security-policy')).to.include("default-src 'none'");
    const parts = [...(await page.text()).matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map(([, part]) => part!);
    expect(parts).to.have.length(3);
    for (const part of parts) {
      const response = await get(new URL(part, page.url).href);
      expect([response.status, (await response.arrayBuffer()).byteLength > 100], part).to.deep.equal([
        200,
        true,
      ]);
    }
  });

  it('counts the requests that its limits have rejected', async () => {
    const refused = async (): Promise<number> => {
      const text = await (await get(`${shop.adminUrl}/metrics`)).text();
      const line = /^multilane_requests_shed_total\{reason="body_too_large"\} (\d+)$/m.exec(text);
      return Number(line?.[1] ?? 0);
    };
    const before = await refused();
    const response = await post(`${shop.url}/api/users`, JSON.stringify({ name: 'x'.repeat(2 ** 20) }));
    await expectProblem(response, 413, 'BODY_TOO_LARGE');
    expect(await refused()).to.equal(before + 1);
  });
});
