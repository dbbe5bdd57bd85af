//! Ids, documents, patches, messages, topics, the service contract and the ports of Tidelog; pure
