# One image for every process: docker run retour api | worker | clock | up
FROM python:3.13-slim AS build
WORKDIR /retour
RUN python -m venv /venv && python -m venv /build
COPY requirements.lock requirements-runtime.lock ./
# What running needs goes into the image; what builds the wheel stays behind.
RUN /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements-runtime.lock \
    && sed -n '/^setuptools==/,/[^\\]$/p' requirements.lock > requirements-build.lock \
    && /build/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements-build.lock
COPY . .
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /venv/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
    && /venv/bin/pip check

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /data retour
COPY --from=build /venv /venv
USER retour
WORKDIR /data
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 RETOUR_DATA=/data
EXPOSE 8000
ENTRYPOINT ["retour"]
CMD ["up", "--host", "0.0.0.0"]
