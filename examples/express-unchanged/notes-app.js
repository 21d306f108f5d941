// An Express application as it was before: nothing in it knows of Multilane. It exports the application instead of calling
// `app.listen(3000)`.
import express from 'express';

const notes = new Map([[1, { id: 1, text: 'first' }]]); // in each worker: the README says what follows

export const notesApp = express();
notesApp.use(express.json());

notesApp.get('/notes/:id', (req, res) => {
  const note = notes.get(Number(req.params.id));
  if (note === undefined) return res.status(404).json({ error: 'There is no such note.' });
  res.json(note);
});

notesApp.post('/echo', (req, res) => {
  res.status(201).location(`${req.baseUrl}/notes/1`).json(req.body);
});

notesApp.get('/broken', async () => {
  throw new Error('as before');
});

notesApp.use((error, _req, res, _next) => {
  res.status(500).json({ error: error.message });
});
