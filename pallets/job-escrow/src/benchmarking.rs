//! Benchmarks: every call and every step of the sweep at its most expensive, with the state it must leave.

use alloc::{vec, vec::Vec};

use frame_benchmarking::v2::*;
use frame_support::{
    migrations::SteppedMigration,
    traits::{
        fungible::{Inspect, InspectHold, Mutate},
        Authorize, Get, UnfilteredDispatchable,
    },
    weights::WeightMeter,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use lantern_exact::spec::{GenerateParams, ModelKind, Sampling, StopTokens};
use lantern_primitives::{
    content::{ContentRef, MAX_INLINE_BYTES},
    crypto::{claim_payload, result_payload, WorkerId, WorkerSignature},
    fee_for,
    job::{JobState, ResultCommitment},
    traits::{ModelCatalog, ProviderLedger},
    Balance, JobId, JobParams, ModelId, Usage, H256,
};
use sp_runtime::{
    traits::{One, Saturating},
    transaction_validity::TransactionSource,
    RuntimeAppPublic,
};

use crate::{
    migrations::v2::{IndexByRequester, Indexing},
    pallet::*,
    types::*,
};

/// A model, a provider that serves it, a funded requester and the job it wants.
struct Market<T: Config> {
    requester: T::AccountId,
    provider: T::AccountId,
    worker: WorkerId,
    model: ModelId,
    input: Vec<u8>,
    params: JobParams,
    output: Vec<u8>,
    max_fee: Balance,
}

impl<T: Config> Market<T> {
    /// A market for one job with about this many bytes of input and output, as far as the model's context allows.
    fn new(input_bytes: u32, output_bytes: u32) -> Self {
        let (requester, provider, owner): (T::AccountId, T::AccountId, T::AccountId) = (
            account("requester", 0, 0),
            account("provider", 0, 0),
            account("owner", 0, 0),
        );
        // Enough that everybody lives and can pay, far from an overflow of the sums.
        let funds = Balance::MAX / 1_000_000;
        for who in [
            &requester,
            &owner,
            &T::TreasuryAccount::get(),
            &T::AuditPoolAccount::get(),
        ] {
            T::Currency::mint_into(who, funds).expect("the benchmark's issuance does not overflow; qed");
        }
        let model = T::Models::benchmark_model(&owner);
        let spec = T::Models::model(&model)
            .expect("the model was just registered; qed")
            .spec;
        let most = spec.max_context / 2;
        let prompt_tokens = (input_bytes / 4).clamp(1, most);
        let output_tokens = (output_bytes / 4).clamp(1, most);
        let (params, output_len) = match spec.kind() {
            ModelKind::Generation => {
                let params = GenerateParams {
                    max_new_tokens: output_tokens,
                    sampling: Sampling::Greedy,
                    stop: StopTokens::default(),
                };
                (JobParams::Generate(params), output_tokens * 4)
            },
            ModelKind::Embedding => (JobParams::Embed, spec.output_len(0)),
        };
        let worker = WorkerId::generate_pair(None);
        let price = T::MinPrice::get().max(1);
        let max_fee = fee_for(worst_case_units(&spec, prompt_tokens, &params), price);
        T::Providers::benchmark_provider(&provider, &worker, bond_for(max_fee, T::BondPercent::get()));
        T::Models::benchmark_price(&provider, &model, price);
        Self {
            requester,
            provider,
            worker,
            model,
            // Token 0 is in every vocabulary.
            input: vec![0; prompt_tokens as usize * 4],
            params,
            output: vec![0; output_len as usize],
            max_fee,
        }
    }

    fn submitted(&self) -> JobId {
        let id = NextJobId::<T>::get();
        Pallet::<T>::do_submit_job(Order {
            requester: self.requester.clone(),
            model: self.model,
            input: self.input.clone(),
            input_hash: ContentRef::of(&self.input).hash,
            params: self.params,
            max_fee: self.max_fee,
            only: Some(self.provider.clone()),
        })
        .expect("the benchmark's job is valid; qed");
        id
    }

    fn claim_signature(&self, id: JobId) -> WorkerSignature {
        let payload = claim_payload(Pallet::<T>::genesis_hash(), id, work::<T>(id));
        self.worker
            .sign(&payload)
            .expect("the key was generated in the keystore; qed")
    }

    fn claimed(&self) -> JobId {
        let id = self.submitted();
        Pallet::<T>::do_claim_job(id, &self.worker).expect("the claim is valid; qed");
        id
    }

    fn commitment(&self) -> ResultCommitment {
        ResultCommitment {
            output: ContentRef::of(&self.output),
            usage: Usage {
                prompt_tokens: (self.input.len() / 4) as u32,
                output_tokens: self.params.max_output_tokens(),
            },
            trace_root: H256::repeat_byte(1),
        }
    }

    fn result_signature(&self, id: JobId) -> WorkerSignature {
        let payload = result_payload(Pallet::<T>::genesis_hash(), id, work::<T>(id), &self.commitment());
        self.worker
            .sign(&payload)
            .expect("the key was generated in the keystore; qed")
    }

    fn committed(&self) -> JobId {
        let id = self.claimed();
        Pallet::<T>::do_submit_result(id, &self.worker, &self.commitment(), &self.output)
            .expect("the result is valid; qed");
        id
    }

    fn held(&self) -> Balance {
        T::Currency::balance_on_hold(&HoldReason::Escrow.into(), &self.requester)
    }
}

/// What a block does with a feeless call: authorises it and dispatches it.
fn include<T: Config>(call: Call<T>) -> Result<(), BenchmarkError> {
    call.authorize(TransactionSource::InBlock)
        .ok_or("the call gives an authorisation")??;
    call.dispatch_bypass_filter(RawOrigin::Authorized.into())
        .map_err(|failed| failed.error)?;
    Ok(())
}

fn work<T: Config>(id: JobId) -> H256 {
    Jobs::<T>::get(id).expect("the job is in state; qed").work()
}

fn state<T: Config>(id: JobId) -> StateOf<T> {
    Jobs::<T>::get(id).expect("the job is in state; qed").state
}

/// Goes to the block at which something about `id` is due and returns it.
fn pass_deadline<T: Config>(id: JobId) -> BlockNumberFor<T> {
    let block = due::<T>(&state::<T>(id)).expect("the job is live; qed");
    frame_system::Pallet::<T>::set_block_number(block);
    block
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn submit_job(n: Linear<4, MAX_INLINE_BYTES>) {
        let market = Market::<T>::new(n, MAX_INLINE_BYTES);
        // The signer's account is in the weight of `CheckNonce`.
        let signer = market.requester.clone();
        whitelist!(signer);
        let hash = ContentRef::of(&market.input).hash;

        #[extrinsic_call]
        _(
            RawOrigin::Signed(market.requester.clone()),
            market.model,
            market.input.clone(),
            hash,
            market.params,
            market.max_fee,
            Some(market.provider.clone()),
        );

        assert!(matches!(state::<T>(0), JobState::Open { .. }));
        assert_eq!(market.held(), market.max_fee);
    }

    #[benchmark]
    fn cancel_job() {
        let market = Market::<T>::new(4, 4);
        let signer = market.requester.clone();
        whitelist!(signer);
        let id = market.submitted();

        #[extrinsic_call]
        _(RawOrigin::Signed(market.requester.clone()), id);

        assert!(matches!(state::<T>(id), JobState::Cancelled { .. }));
        assert_eq!(market.held(), 0);
    }

    #[benchmark]
    fn claim_job() -> Result<(), BenchmarkError> {
        let market = Market::<T>::new(4, 4);
        let id = market.submitted();
        let call = Call::<T>::claim_job {
            job: id,
            worker: market.worker.clone(),
            signature: market.claim_signature(id),
        };

        #[block]
        {
            include(call)?;
        }

        assert!(matches!(state::<T>(id), JobState::Claimed { .. }));
        Ok(())
    }

    #[benchmark]
    fn submit_result(n: Linear<4, MAX_INLINE_BYTES>) -> Result<(), BenchmarkError> {
        let market = Market::<T>::new(4, n);
        let id = market.claimed();
        let call = Call::<T>::submit_result {
            job: id,
            worker: market.worker.clone(),
            commitment: market.commitment(),
            output: market.output.clone(),
            signature: market.result_signature(id),
        };

        #[block]
        {
            include(call)?;
        }

        assert!(matches!(state::<T>(id), JobState::Committed { .. }));
        Ok(())
    }

    #[benchmark]
    fn poke() {
        let market = Market::<T>::new(4, 4);
        let id = market.committed();
        pass_deadline::<T>(id);

        #[extrinsic_call]
        _(RawOrigin::Signed(market.requester.clone()), id);

        assert!(matches!(state::<T>(id), JobState::Settled { .. }));
        assert_eq!(market.held(), 0);
    }

    #[benchmark]
    fn sweep_base() {
        // The oldest job is still there.
        Market::<T>::new(4, 4).submitted();
        let mut meter = WeightMeter::new();
        // Later than any grace.
        let now = BlockNumberFor::<T>::one();
        SweptTo::<T>::put(now);

        #[block]
        {
            Pallet::<T>::sweep(now, &mut meter);
        }

        assert_eq!(SweptTo::<T>::get(), now);
    }

    #[benchmark]
    fn sweep_block() {
        let mut meter = WeightMeter::new();
        let block = SweptTo::<T>::get().saturating_add(One::one());

        #[block]
        {
            Pallet::<T>::sweep(block, &mut meter);
        }

        assert_eq!(SweptTo::<T>::get(), block);
    }

    #[benchmark]
    fn sweep_expire_open() {
        let market = Market::<T>::new(4, 4);
        let id = market.submitted();
        let block = pass_deadline::<T>(id);

        #[block]
        {
            Pallet::<T>::serve(block, id, block);
        }

        assert!(matches!(state::<T>(id), JobState::Expired { provider: None, .. }));
        assert_eq!(market.held(), 0);
    }

    #[benchmark]
    fn sweep_expire_claimed() {
        let market = Market::<T>::new(4, 4);
        let id = market.claimed();
        let block = pass_deadline::<T>(id);
        let before = T::Currency::total_balance(&market.requester);

        #[block]
        {
            Pallet::<T>::serve(block, id, block);
        }

        let JobState::Expired { compensation, .. } = state::<T>(id) else {
            panic!("the job expired");
        };
        assert_eq!(T::Currency::total_balance(&market.requester), before + compensation);
        assert_eq!(market.held(), 0);
    }

    #[benchmark]
    fn sweep_settle() {
        let market = Market::<T>::new(4, 4);
        let id = market.committed();
        let block = pass_deadline::<T>(id);

        #[block]
        {
            Pallet::<T>::serve(block, id, block);
        }

        assert!(matches!(state::<T>(id), JobState::Settled { .. }));
        assert_eq!(market.held(), 0);
    }

    #[benchmark]
    fn sweep_defer() {
        let market = Market::<T>::new(4, 4);
        let id = market.committed();
        let block = pass_deadline::<T>(id);
        let job = Jobs::<T>::get(id).expect("the job is in state; qed");

        #[block]
        {
            Pallet::<T>::defer(id, job, block);
        }

        assert!(due::<T>(&state::<T>(id)) > Some(block));
    }

    #[benchmark]
    fn sweep_remove() {
        let market = Market::<T>::new(4, 4);
        let id = market.submitted();
        Pallet::<T>::do_cancel_job(&market.requester, id).expect("the job is open; qed");
        let block = frame_system::Pallet::<T>::block_number()
            .saturating_add(T::Retention::get())
            .saturating_add(One::one());
        let mut meter = WeightMeter::new();

        #[block]
        {
            Pallet::<T>::forget(block, &mut meter);
        }

        assert!(!Jobs::<T>::contains_key(id));
    }

    #[benchmark]
    fn index_job() {
        let market = Market::<T>::new(4, 4);
        let id = market.submitted();
        Requested::<T>::remove(&market.requester, order(id));
        Indexing::<T>::put(true);
        let mut meter = WeightMeter::new();

        #[block]
        {
            let done = IndexByRequester::<T>::step(None, &mut meter);
            assert!(matches!(done, Ok(None)));
        }

        assert!(Requested::<T>::contains_key(&market.requester, order(id)));
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
