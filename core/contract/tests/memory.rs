//! The reference backend obeys every law.

use tidelog_contract::memory::Memory;

tidelog_contract::contract_tests!(Memory::new);
tidelog_contract::durable_tests!(Memory::new);
tidelog_contract::query_tests!(Memory::new);
tidelog_contract::retention_tests!(Memory::new);
