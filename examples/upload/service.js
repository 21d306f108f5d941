// The uploads service. Every worker writes to the same folder: a file gets its name when it is complete.
import { readFileSync } from 'node:fs';
import { defineService, HttpError, Type } from 'multilane';
import { FILES, listFiles, MAX_FILE_BYTES, storeFile } from './store.js';

const page = readFileSync(new URL('./page.html', import.meta.url), 'utf8');

/** A form has other parts and heads beside its file. */
const MAX_FORM_BYTES = MAX_FILE_BYTES + 64 * 1024;

const Stored = Type.Object({ name: Type.String(), type: Type.String(), bytes: Type.Integer() });

export const uploads = defineService({
  name: 'uploads',
  routes(app) {
    app.get('/', (ctx) => ctx.html(page));

    // A slow client has ten minutes. Its body is read as fast as the disk writes, and never held as a whole.
    const options = { bodyLimit: MAX_FORM_BYTES, timeoutMs: 600_000, response: { 201: Stored } };
    app.post('/files', { ...options, summary: 'Upload an image or a PDF' }, async (ctx) => {
      for await (const part of ctx.readParts({ maxFiles: 1, maxFileBytes: MAX_FILE_BYTES })) {
        if (part.kind !== 'file') continue;
        const stored = await storeFile(part.content);
        ctx.status(201).header('location', `/files/${stored.name}`);
        return stored;
      }
      throw new HttpError('MALFORMED_BODY', 'The form has no file: add one, in a field of any name.');
    });

    app.get('/files', { summary: 'The names of all files' }, () => listFiles());

    // Ranges, conditional requests and HEAD come with `ctx.file`, and `..` leads nowhere.
    app.get('/files/:name', { summary: 'Download a file' }, (ctx) => ctx.file(FILES, ctx.params.name));
  },
});
