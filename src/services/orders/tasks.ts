// The CPU tasks of the orders service. They run on the threads of the CPU pool, never in an HTTP worker.
import { loadPdfkit } from './pdfkit.js';
import type { Order } from './schema.js';

export { reportLines } from './report-lines.js';

const MARGIN = 56;
const PAGE_WIDTH = 595.28; // A4 in points (ISO 216 at 72 points an inch)

/** The invoice of an order as a PDF. It is the same for every call, since its date is that of the order. */
export async function renderInvoice(order: Order): Promise<Uint8Array> {
  const PDFDocument = await loadPdfkit();
  const created = new Date(order.createdAt);
  const pdf = new PDFDocument({
    size: 'A4',
    margin: MARGIN,
    info: { Title: `Invoice ${order.id}`, Author: 'Multilane reference shop', CreationDate: created },
  });
  const written = collect(pdf);

  pdf.font('Helvetica-Bold').fontSize(22).text(`Invoice ${order.id}`);
  pdf.font('Helvetica').fontSize(10).fillColor('#555').text(created.toUTCString());
  pdf.moveDown(2).fillColor('#000').fontSize(12);
  const rows: readonly (readonly [string, string])[] = [
    ['Order', String(order.id)],
    ['Customer', String(order.userId)],
    ['Product', String(order.productId)],
    ['Quantity', String(order.quantity)],
    ['Status', order.status],
  ];
  for (const [label, value] of rows) line(pdf, label, value);
  pdf.end();
  return written;
}

function line(pdf: PDFKit.PDFDocument, label: string, value: string): void {
  const { y } = pdf;
  pdf.text(label, MARGIN, y);
  pdf.text(value, MARGIN, y, { align: 'right' });
  pdf.moveTo(MARGIN, pdf.y + 4);
  pdf
    .lineTo(PAGE_WIDTH - MARGIN, pdf.y + 4)
    .strokeColor('#ccc')
    .stroke();
  pdf.y += 12;
}

function collect(pdf: PDFKit.PDFDocument): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    pdf.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    pdf.on('end', () => resolve(Buffer.concat(chunks)));
    pdf.on('error', reject);
  });
}
