import { inflateSync } from 'node:zlib';
import { expect } from 'chai';
import { loadPdfkit } from '#src/services/orders/pdfkit.js';
import type { Order } from '#src/services/orders/schema.js';
import { renderInvoice } from '#src/services/orders/tasks.js';

const order: Order = {
  id: 9007199254740991,
  userId: 42,
  productId: 7,
  quantity: 1000,
  status: 'confirmed',
  createdAt: '2026-03-01T12:34:56.789Z',
};

/** The text of the page, from the hexadecimal strings in the compressed content streams. */
function textOf(pdf: Buffer): string {
  const shown: string[] = [];
  const raw = pdf.toString('latin1');
  for (const { 1: length, index } of raw.matchAll(
    /\/Length (\d+)\s*\/Filter \/FlateDecode\s*>>\s*stream\n/g,
  )) {
    const start = raw.indexOf('stream\n', index) + 'stream\n'.length;
    const content = inflateSync(pdf.subarray(start, start + Number(length))).toString('latin1');
    for (const line of content.matchAll(/\[(.*?)\] TJ/g)) {
      const hex = [...line[1]!.matchAll(/<([0-9a-f]*)>/g)].map((part) => part[1]).join('');
      shown.push(Buffer.from(hex, 'hex').toString('latin1'));
    }
  }
  return shown.join('\n');
}

describe('the invoice', () => {
  it('is a PDF that shows the order', async () => {
    const pdf = Buffer.from(await renderInvoice(order));
    expect(pdf.subarray(0, 5).toString('latin1')).to.equal('%PDF-');
    expect(pdf.subarray(-6).toString('latin1')).to.contain('%%EOF');
    const text = textOf(pdf);
    for (const part of [String(order.id), '42', '7', '1000', 'confirmed', '01 Mar 2026']) {
      expect(text).to.contain(part);
    }
  });

  it('is the same document for the same order', async () => {
    const [first, second] = [await renderInvoice(order), await renderInvoice(order)];
    expect(Buffer.compare(first, second)).to.equal(0);
  });

  it('needs a package that not every installation has, and names the command that installs it', async () => {
    const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    const failure = await loadPdfkit(() => Promise.reject(missing)).catch((error: unknown) => error);
    expect(failure).to.be.an('error').with.property('message').that.includes('run "npm install pdfkit"');
    const other = new Error('broken');
    expect(await loadPdfkit(() => Promise.reject(other)).catch((error: unknown) => error)).to.equal(other);
  });
});
