//! The open connections, and the choice of the one that makes room for a new one.
//!
//! Connections that wait for the header of a request are closed first: a real client sends a header at once, while half a
//! request may wait indefinitely. So clients that send whole requests are served, however many connections others hold.
//! Invariant: there are never more connections than the limits allow, and one with a request in progress is never closed.

use std::{cmp::Reverse, collections::BTreeMap, net::IpAddr};

use crate::connection_limits::{ConnectionLimits, client};

/// The number of a connection.
pub(crate) type ConnectionId = u64;

/// The open connections.
#[derive(Debug)]
pub(crate) struct ConnectionTable {
    limits: ConnectionLimits,
    open: BTreeMap<ConnectionId, OpenConnection>,
    /// Counts everything that happens, and so gives times an order and connections their numbers.
    clock: u64,
}

#[derive(Debug)]
struct OpenConnection {
    /// The client; `None` if it is a trusted proxy.
    client: Option<IpAddr>,
    /// The time since which it has waited for a header; `None` while a request is in progress.
    waiting_since: Option<u64>,
}

/// The decision about a new connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is served, and another connection has to be closed for it, if there is one.
    Accepted(ConnectionId, Option<ConnectionId>),
    /// It has to be closed: requests are in progress on all other connections.
    Refused,
}

impl ConnectionTable {
    /// Returns a table without connections.
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self {
            limits,
            open: BTreeMap::new(),
            clock: 0,
        }
    }

    /// Decides about a new connection, and adds it if it is accepted.
    pub(crate) fn admit(&mut self, address: IpAddr) -> Admission {
        let client = (!self.limits.trusts(address)).then(|| client(address));
        let of_client = client.map_or(0, |_| self.count(client));
        let victim = if of_client >= self.limits.per_client {
            self.longest_waiting(|open| open.client == client)
        } else if self.open.len() >= self.limits.total {
            self.longest_waiting(|_| true)
        } else {
            return Admission::Accepted(self.add(client), None);
        };
        let Some(victim) = victim else {
            return Admission::Refused;
        };
        self.open.remove(&victim);
        Admission::Accepted(self.add(client), Some(victim))
    }

    /// Notes that the header of a request came.
    pub(crate) fn request_started(&mut self, id: ConnectionId) {
        self.set_waiting(id, None);
    }

    /// Notes that a request was answered: the connection waits for the next one.
    pub(crate) fn request_finished(&mut self, id: ConnectionId) {
        let now = self.tick();
        self.set_waiting(id, Some(now));
    }

    /// Removes a connection that was closed.
    pub(crate) fn remove(&mut self, id: ConnectionId) {
        self.open.remove(&id);
    }

    fn add(&mut self, client: Option<IpAddr>) -> ConnectionId {
        let id = self.tick();
        let open = OpenConnection {
            client,
            waiting_since: Some(id),
        };
        self.open.insert(id, open);
        id
    }

    fn set_waiting(&mut self, id: ConnectionId, since: Option<u64>) {
        // A connection that was closed may still report something.
        if let Some(open) = self.open.get_mut(&id) {
            open.waiting_since = since;
        }
    }

    /// Returns the connection that has waited longest, of those of the client with the most connections.
    fn longest_waiting(&self, among: impl Fn(&OpenConnection) -> bool) -> Option<ConnectionId> {
        let mut counts: BTreeMap<Option<IpAddr>, usize> = BTreeMap::new();
        for open in self.open.values() {
            // Trusted proxies come last.
            *counts.entry(open.client).or_default() += usize::from(open.client.is_some());
        }
        let waiting = self.open.iter().filter(|(_, open)| among(open));
        let waiting = waiting.filter_map(|(id, open)| Some((id, open, open.waiting_since?)));
        let longest =
            waiting.min_by_key(|(_, open, since)| (Reverse(counts[&open.client]), *since));
        longest.map(|(id, _, _)| *id)
    }

    fn count(&self, client: Option<IpAddr>) -> usize {
        let open = self.open.values();
        open.filter(|open| open.client == client).count()
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: [u8; 4] = [10, 0, 0, 9];

    /// Returns a table of at most five connections, and three of each client.
    fn table() -> ConnectionTable {
        let mut limits = ConnectionLimits::new(1024, vec![PROXY.into()]);
        (limits.total, limits.per_client) = (5, 3);
        ConnectionTable::new(limits)
    }

    fn admit(table: &mut ConnectionTable, client: u8) -> Admission {
        table.admit([10, 0, 0, client].into())
    }

    /// Adds a connection for which no other has to go.
    #[track_caller]
    fn add(table: &mut ConnectionTable, client: u8) -> ConnectionId {
        match admit(table, client) {
            Admission::Accepted(id, None) => id,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn assert_replaces(table: &mut ConnectionTable, client: u8, expected: ConnectionId) {
        match admit(table, client) {
            Admission::Accepted(_, victim) => assert_eq!(victim, Some(expected)),
            Admission::Refused => panic!("refused"),
        }
    }

    #[test]
    fn a_client_with_too_many_connections_loses_the_one_that_waited_longest() {
        let mut table = table();
        let [first, second, third] = [1, 1, 1].map(|client| add(&mut table, client));
        add(&mut table, 2);
        table.request_started(first);
        assert_replaces(&mut table, 1, second);
        table.request_finished(first);
        assert_replaces(&mut table, 1, third);
        table.remove(first);
        add(&mut table, 1);
    }

    #[test]
    fn a_full_table_takes_from_the_client_that_has_most() {
        let mut table = table();
        let other = add(&mut table, 2);
        let [first, second, third] = [1, 1, 1].map(|client| add(&mut table, client));
        add(&mut table, 3);
        assert_replaces(&mut table, 4, first);
        table.request_started(second);
        assert_replaces(&mut table, 5, third);
        assert_replaces(&mut table, 6, other);
    }

    #[test]
    fn requests_in_progress_are_never_cut_off() {
        let mut table = table();
        for client in [1, 1, 1, 2, 2] {
            let id = add(&mut table, client);
            table.request_started(id);
        }
        assert_eq!(admit(&mut table, 1), Admission::Refused);
        assert_eq!(admit(&mut table, 3), Admission::Refused);
    }

    #[test]
    fn a_trusted_proxy_may_have_all_connections_and_is_disturbed_last() {
        let mut table = table();
        let proxied = [PROXY[3]; 4].map(|client| add(&mut table, client));
        let direct = add(&mut table, 1);
        assert_replaces(&mut table, PROXY[3], direct);
        assert_replaces(&mut table, 2, proxied[0]);
    }
}
