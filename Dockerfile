# One image for every process: docker run retour api | worker | clock | up
FROM python:3.13-slim AS build
WORKDIR /retour
RUN python -m venv /venv
COPY requirements.lock .
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /data retour
COPY --from=build /venv /venv
USER retour
WORKDIR /data
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 RETOUR_DATA=/data
EXPOSE 8000
ENTRYPOINT ["retour"]
CMD ["up", "--host", "0.0.0.0"]
