//! Migrations of the pallet's storage. A finished one goes once no network has the version that it starts from.

/// To version 2: [`Requested`](crate::Requested), the index of jobs by requester, for the jobs that are in state already.
///
/// Jobs may be many, so that this takes several blocks: [`Begin`](v2::Begin) raises the version in the block of the upgrade,
/// from which on new jobs enter the index and removed ones leave it; [`IndexByRequester`](v2::IndexByRequester) then goes
/// through the others. Until it is done a listing by requester may lack some of them. No job record and no money is touched.
pub mod v2 {
    use core::marker::PhantomData;

    use frame_support::{
        migrations::{MigrationId, SteppedMigration, SteppedMigrationError, VersionedMigration},
        pallet_prelude::ValueQuery,
        storage_alias,
        traits::{Get, UncheckedOnRuntimeUpgrade},
        weights::{Weight, WeightMeter},
    };
    use lantern_primitives::JobId;

    use crate::{pallet::*, types::order, WeightInfo};

    /// Whether the index lacks jobs. Gone after the migration.
    #[storage_alias]
    pub(crate) type Indexing<T: Config> = StorageValue<Pallet<T>, bool, ValueQuery>;

    mod unchecked {
        use super::*;

        /// What [`Begin`](super::Begin) does after it has looked at the version.
        pub struct Begin<T>(PhantomData<T>);
        impl<T: Config> UncheckedOnRuntimeUpgrade for Begin<T> {
            fn on_runtime_upgrade() -> Weight {
                Indexing::<T>::put(true);
                T::DbWeight::get().writes(1)
            }
        }
    }

    /// Begins the migration, in the block of the upgrade.
    pub type Begin<T> = VersionedMigration<1, 2, unchecked::Begin<T>, Pallet<T>, <T as frame_system::Config>::DbWeight>;

    /// Enters the jobs into the index. What a step has done may be done again without harm.
    pub struct IndexByRequester<T>(PhantomData<T>);

    impl<T: Config> SteppedMigration for IndexByRequester<T> {
        /// The last job that is in the index.
        type Cursor = JobId;
        type Identifier = MigrationId<17>;

        fn id() -> Self::Identifier {
            MigrationId {
                pallet_id: *b"pallet-job-escrow",
                version_from: 1,
                version_to: 2,
            }
        }

        fn step(
            mut cursor: Option<Self::Cursor>,
            meter: &mut WeightMeter,
        ) -> Result<Option<Self::Cursor>, SteppedMigrationError> {
            let base = T::DbWeight::get().reads_writes(1, 1);
            let each = T::WeightInfo::index_job();
            // With room for one job at least, so that every step makes progress.
            let required = base.saturating_add(each);
            if !meter.can_consume(required) {
                return Err(SteppedMigrationError::InsufficientWeight { required });
            }
            meter.consume(base);
            if !Indexing::<T>::get() {
                // A chain that began with this version, or this migration once more.
                return Ok(None);
            }
            let mut jobs = match cursor {
                Some(last) => Jobs::<T>::iter_from(Jobs::<T>::hashed_key_for(last)),
                None => Jobs::<T>::iter(),
            };
            while meter.try_consume(each).is_ok() {
                let Some((id, job)) = jobs.next() else {
                    Indexing::<T>::kill();
                    return Ok(None);
                };
                Requested::<T>::insert(job.requester, order(id), ());
                cursor = Some(id);
            }
            Ok(cursor)
        }

        #[cfg(feature = "try-runtime")]
        fn pre_upgrade() -> Result<alloc::vec::Vec<u8>, sp_runtime::TryRuntimeError> {
            Ok(codec::Encode::encode(&checks::books::<T>()))
        }

        #[cfg(feature = "try-runtime")]
        fn post_upgrade(before: alloc::vec::Vec<u8>) -> Result<(), sp_runtime::TryRuntimeError> {
            let before = <checks::Books as codec::DecodeAll>::decode_all(&mut &before[..])
                .map_err(|_| "what `pre_upgrade` noted does not decode")?;
            frame_support::ensure!(
                checks::books::<T>() == before,
                "the migration changed jobs, totals or escrow"
            );
            frame_support::ensure!(!Indexing::<T>::exists(), "the migration is not done");
            Pallet::<T>::do_try_state()
        }
    }

    #[cfg(any(feature = "try-runtime", test))]
    pub(crate) mod checks {
        use super::*;
        use codec::{Decode, Encode};
        use frame_support::traits::fungible::{Inspect, InspectHold};
        use lantern_primitives::{Balance, H256};

        /// What the migration must leave as it is.
        #[derive(Encode, Decode, PartialEq, Eq, Debug)]
        pub struct Books {
            jobs: u64,
            records: H256,
            totals: crate::Totals,
            held: Balance,
            issuance: Balance,
        }

        /// Digests every record, and sums what is in escrow.
        pub fn books<T: Config>() -> Books {
            let mut jobs = 0u64;
            let mut records = H256::zero();
            for (id, job) in Jobs::<T>::iter() {
                jobs = jobs.saturating_add(1);
                records = H256(sp_io::hashing::blake2_256(&(records, id, job).encode()));
            }
            let reason = HoldReason::Escrow.into();
            let held = frame_system::Account::<T>::iter_keys()
                .map(|account| T::Currency::balance_on_hold(&reason, &account))
                .fold(0, Balance::saturating_add);
            Books {
                jobs,
                records,
                totals: JobTotals::<T>::get(),
                held,
                issuance: T::Currency::total_issuance(),
            }
        }
    }
}
