// Faults in the connection with a shared registry, each with the rule that must find it.

import type { Announced } from '#src/registry/backends/backend.js';
import { EtcdBackend } from '#src/registry/backends/etcd-backend.js';
import { keyOf } from '#src/registry/backends/instance-key.js';
import { PostgresBackend } from '#src/registry/backends/postgres-backend.js';
import { RegistrySync } from '#src/registry/backends/registry-sync.js';
import type { EtcdServer } from './etcd-server.js';
import { ETCD, type Kind, optionsOf, POSTGRES } from './member.js';
import type { PostgresServer } from './postgres-server.js';

export interface PlantedInClusters {
  readonly fault: string;
  readonly kind: Kind;
  /** Any of these may be broken first. */
  readonly rules: readonly string[];
}

const etcd = (Backend: typeof EtcdBackend): Kind => ({
  ...ETCD,
  backend: (server, deps) =>
    new Backend({ open: (server as EtcdServer).clientsOf(deps.host), ...optionsOf(deps) }),
});

const postgres = (Backend: typeof PostgresBackend): Kind => ({
  ...POSTGRES,
  backend: (server, deps) =>
    new Backend({ open: (server as PostgresServer).sessionsOf(deps.host), ...optionsOf(deps) }),
});

class LateEtcd extends EtcdBackend {
  protected override hasRenewed(): void {
    this.renewAt = this.clock() + 1.2 * this.ttlSeconds * 1000;
  }
}

class ForgetfulEtcd extends EtcdBackend {
  protected override announceMissing(): void {}
}

class HastyEtcd extends EtcdBackend {
  protected override get mayBeIncomplete(): boolean {
    return false;
  }
}

class DeafPostgres extends PostgresBackend {
  protected override gone(): void {}
  protected override expired(): void {}
}

class HastyPostgres extends PostgresBackend {
  protected override get mayBeIncomplete(): boolean {
    return false;
  }
}

class ForgetfulRemover extends PostgresBackend {
  override remove(service: string, id: string, registrationId: string | null, ttlSeconds: number): void {
    super.remove(service, id, registrationId, ttlSeconds);
    const removed = this.toWithdraw.get(keyOf(service, id));
    if (removed !== undefined) Object.assign(removed, { registrationIds: [] });
  }

  protected override isPrompt(): boolean {
    return false;
  }
}

class ForgetfulReturn extends PostgresBackend {
  override announce(instance: Announced): void {
    super.announce(instance);
    const removed = this.toWithdraw.get(keyOf(instance.service, instance.id));
    if (removed !== undefined) Object.assign(removed, { version: undefined, registrationIds: [] });
  }
}

class EmptyingSync extends RegistrySync {
  override unavailable(error: Error): void {
    super.unavailable(error);
    this.listed(new Set());
  }
}

export const PLANTED_IN_CLUSTERS: readonly PlantedInClusters[] = [
  { fault: 'leases are renewed too late', kind: etcd(LateEtcd), rules: ['living instances stay'] },
  {
    fault: 'what was lost is not announced again',
    kind: etcd(ForgetfulEtcd),
    rules: ['all know all', 'living instances stay'],
  },
  {
    fault: 'etcd is believed right after an outage',
    kind: etcd(HastyEtcd),
    rules: ['living instances stay'],
  },
  {
    fault: 'PostgreSQL is believed right after an outage',
    kind: postgres(HastyPostgres),
    rules: ['living instances stay'],
  },
  { fault: 'removals are not heard', kind: postgres(DeafPostgres), rules: ['dead instances leave'] },
  {
    fault: 'only the version that was seen is removed',
    kind: postgres(ForgetfulRemover),
    rules: ['removed instances leave'],
  },
  {
    fault: 'what registers again was not removed before',
    kind: postgres(ForgetfulReturn),
    rules: ['removed instances leave'],
  },
  {
    fault: 'an outage empties the view',
    kind: { ...ETCD, sync: (options) => new EmptyingSync(options) },
    rules: ['an outage keeps the view'],
  },
];
