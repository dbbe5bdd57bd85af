//! The laws of the ports, put to the modelled cluster.

#[path = "contract/simulated.rs"]
mod simulated;

use self::simulated::Simulated;

tidelog_contract::contract_tests!(Simulated::new);
tidelog_contract::query_tests!(Simulated::new);
tidelog_contract::durable_tests!(Simulated::new);
tidelog_contract::retention_tests!(Simulated::new);

/// The same with what older brokers speak: transactions whose epoch stays, and members without a static
/// id.
mod as_with_older_brokers {
    use super::Simulated;

    tidelog_contract::contract_tests!(Simulated::older);
    tidelog_contract::durable_tests!(Simulated::older);
}
