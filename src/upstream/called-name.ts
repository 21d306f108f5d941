// The argument of `call`: a service's name, or its definition, which has the name.

/** The part of a service's definition that a call needs. */
export interface NamedService {
  readonly name: string;
}

export const nameOf = (service: string | NamedService): string =>
  typeof service === 'string' ? service : service.name;
