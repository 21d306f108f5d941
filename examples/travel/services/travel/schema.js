// Request bodies and parameters.
import { Type } from 'multilane';

const NO_CONTROL_CHARACTERS = '^[^\\u0000-\\u001f\\u007f]+$';

export const NewTrip = Type.Object({
  traveller: Type.String({ minLength: 1, maxLength: 200, pattern: NO_CONTROL_CHARACTERS }),
  destination: Type.String({ minLength: 1, maxLength: 100, pattern: NO_CONTROL_CHARACTERS }),
});

export const BySagaId = Type.Object({ sagaId: Type.String({ format: 'uuid' }) });
