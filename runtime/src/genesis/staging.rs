//! The parties of the preset `staging`: a network as the real one will be, without sudo and without the development accounts, on which
//! validators and token holders rehearse. Its keys are no secret: each is derived from the development phrase by the path that stands
//! beside it, which the test below checks. A network that holds value has keys of its own, see `scripts/chain-spec`.

use hex_literal::hex;
use sp_consensus_babe::AuthorityId as BabeId;
use sp_consensus_grandpa::AuthorityId as GrandpaId;
use sp_core::{crypto::UncheckedFrom, ed25519, sr25519};

use crate::{AccountId, SessionKeys};

/// Account (`//staging//validator//N`), and session keys of either scheme (`//staging//validator//N//session`), N from 1.
const VALIDATORS: [[[u8; 32]; 3]; 4] = [
    [
        hex!("2c8ba508110b4f69ae574739bd5be3c00c8e863dc53c3a784cf6cc3bdbce5454"),
        hex!("9ab822b6c44717f631f755a3fd9abaaed2aaf1a8234e9a935083e4462d12e568"),
        hex!("68f435a80211a3e28302ec69ef4bcd13bfbc1cf855e9b40e3de076bc6c7a8dd2"),
    ],
    [
        hex!("ba2ef1ec362f5bdee97b3b516af4ee14fb1bb7ef451b15bbe63c3baefc0b0c64"),
        hex!("cae7d0e1597261ecf7fbc1b043958d31006f8e448521e00e83caad66e8b30c17"),
        hex!("105359dfa22be497b0bcee78da39e354d011cbe612dc104bf02ae13633f8826b"),
    ],
    [
        hex!("7442fd3f85a6ee32373582a81f777dd5eb7321025f58f2cafc6c65a93f294963"),
        hex!("c2ef70ec5fda265757abef9f8c5aae3920bcd69cb14b58795667788a5791c823"),
        hex!("a3dd7060339e7b9c9654b727f2c3f4947bf518502dcdd10964dce0b44ddd26cd"),
    ],
    [
        hex!("7eca4a6f44451bb04244393b7ba4334d5bfa7693e51d149547aa3647cf6c1e39"),
        hex!("1a6219f39879e52a850b73e99066901b07daf275da8da8eb5ef8e58ef36f981d"),
        hex!("f7744f0b48b71def80b200e47377a11f49250e5f746d6ef8606776079ebca389"),
    ],
];

/// Accounts (`//staging//nominator//N`), N from 1.
const NOMINATORS: [[u8; 32]; 2] = [
    hex!("8405d37bc5d7914958cd97e2e26e7c6023fb71ce007e7e90c74c27a78174ec5d"),
    hex!("78ef52fa484e42095a5e0138e3a010f9d8c80564e49d329bb659a9d919ea457d"),
];

/// Accounts of the validators with their session keys.
pub(super) fn validators() -> impl Iterator<Item = (AccountId, SessionKeys)> {
    VALIDATORS.into_iter().map(|[account, sr25519_key, ed25519_key]| {
        let keys = SessionKeys {
            babe: BabeId::from(sr25519::Public::unchecked_from(sr25519_key)),
            grandpa: GrandpaId::from(ed25519::Public::unchecked_from(ed25519_key)),
            im_online: UncheckedFrom::unchecked_from(sr25519_key),
            authority_discovery: UncheckedFrom::unchecked_from(sr25519_key),
        };
        (AccountId::new(account), keys)
    })
}

/// Accounts of the nominators.
pub(super) fn nominators() -> impl Iterator<Item = AccountId> {
    NOMINATORS.into_iter().map(AccountId::new)
}

#[cfg(test)]
mod tests {
    use sp_core::{crypto::DEV_PHRASE, Pair};

    use super::*;

    fn public<P: Pair>(path: &str) -> P::Public {
        P::from_string(&alloc::format!("{DEV_PHRASE}//staging//{path}"), None)
            .expect("the phrase and the path are well-formed; qed")
            .public()
    }

    #[test]
    fn keys_are_those_of_the_paths_beside_them() {
        for (index, [account, sr25519_key, ed25519_key]) in VALIDATORS.into_iter().enumerate() {
            let path = alloc::format!("validator//{}", index + 1);
            let session = alloc::format!("{path}//session");
            assert_eq!(account, public::<sr25519::Pair>(&path).0);
            assert_eq!(sr25519_key, public::<sr25519::Pair>(&session).0);
            assert_eq!(ed25519_key, public::<ed25519::Pair>(&session).0);
        }
        for (index, account) in NOMINATORS.into_iter().enumerate() {
            assert_eq!(
                account,
                public::<sr25519::Pair>(&alloc::format!("nominator//{}", index + 1)).0
            );
        }
    }
}
